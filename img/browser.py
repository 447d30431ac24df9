"""A headless Chromium, driven by its DevTools protocol: a page's keys, mouse, size, terminal and picture."""

import base64
import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import websocket

DEADLINE_S = 60.0
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
ABSENT = "Chromium is not installed (apt-get install chromium)"

# The terminal is a part of the page's script. Its maker puts `fitAddon` beside it: that is where we get hold of it.
_CATCH = """
Object.defineProperty(Object.prototype, "fitAddon", {
  configurable: true,
  set(addon) {
    window.caught = this.terminal;
    Object.defineProperty(this, "fitAddon", { value: addon, writable: true });
  },
});
"""
_LINES = """
Array.from({ length: caught.rows }, (_, y) => caught.buffer.active.getLine(y).translateToString(true)).join("\\n")
"""
_CODES = {"ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "Enter": 13, "Escape": 27}


class NotSeen(Exception):
    """The page never showed what was waited for; the text has what it shows."""


class Browser:
    """The program. One browser serves many pages, each in a tab of its own."""

    def __init__(self, folder: Path) -> None:
        assert CHROMIUM is not None
        root = os.geteuid() == 0
        self._process = subprocess.Popen(
            [
                CHROMIUM, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={folder}",
                "--remote-allow-origins=*", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
                "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
                *(["--no-sandbox"] if root else []), "about:blank",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            said.append(line)
            if found := re.search(r"DevTools listening on (\S+)", line):
                break
        else:
            raise AssertionError(f"Chromium did not start: {said}")
        self._socket = websocket.create_connection(found[1], timeout=DEADLINE_S)
        self._numbers = itertools.count(1)
        self.asked: list[str] = []  # the addresses of all that pages have asked for

    def call(self, method: str, session: str = "", **parameters: object) -> Any:
        """One command and its result."""
        number = next(self._numbers)
        message = {
            "id": number,
            "method": method,
            "params": parameters,
            **({"sessionId": session} if session else {}),
        }
        self._socket.send(json.dumps(message))
        while True:
            told = json.loads(self._socket.recv())
            if told.get("method") == "Network.requestWillBeSent":
                self.asked.append(told["params"]["request"]["url"])
            if told.get("method") == "Network.webSocketCreated":
                self.asked.append(told["params"]["url"])
            if told.get("id") == number:
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]

    def open(self, url: str, width: int = 1000, height: int = 600) -> "Page":
        """A new tab."""
        return Page(self, url, width, height)

    def close(self) -> None:
        """Ends it."""
        with contextlib.suppress(OSError, websocket.WebSocketException):
            self.call("Browser.close")
        self._socket.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()


class Page:
    """A tab with a terminal in it."""

    def __init__(self, browser: Browser, url: str, width: int, height: int) -> None:
        self._browser = browser
        self._target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        self.resize(width, height)
        self.call("Page.enable")
        self.call("Network.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=_CATCH)
        self.call("Page.navigate", url=url)

    def call(self, method: str, **parameters: object) -> Any:
        """One command to this tab."""
        return self._browser.call(method, self._session, **parameters)

    def value(self, script: str) -> Any:
        """What an expression is in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return found["result"].get("value")

    def text(self) -> str:
        """The lines of the terminal; empty before there is one."""
        return self.value(f"window.caught ? {_LINES} : ''") or ""

    def words(self) -> str:
        """What the page itself says over the terminal."""
        card = "(card => card.offsetParent ? card.innerText : '')(document.querySelector('#card'))"
        return str(self.value(card))

    def cells(self) -> tuple[int, int]:
        """Columns and rows of the terminal."""
        return tuple(self.value("window.caught ? [caught.cols, caught.rows] : [0, 0]"))

    def colors(self, x: int, y: int) -> tuple[int, int]:
        """Text and background colour of a cell, as 0xRRGGBB."""
        cell = f"caught.buffer.active.getLine({y}).getCell({x})"
        return tuple(self.value(f"[{cell}.getFgColor(), {cell}.getBgColor()]"))

    def until(self, wanted: Callable[[], object], what: str) -> None:
        """Returns as soon as it is so."""
        deadline = time.monotonic() + DEADLINE_S
        while not wanted():
            if time.monotonic() > deadline:
                raise NotSeen(f"{what} never came; the page: {self.words()}\n{self.text()}")
            self.value("new Promise(done => setTimeout(done, 50))")

    def until_shows(self, text: str) -> None:
        """Returns as soon as the terminal shows that."""
        self.until(lambda: text in self.text(), repr(text))

    def key(self, name: str) -> None:
        """Presses a key: a sign, or a name such as ArrowDown."""
        told: dict[str, object] = {"key": name, "windowsVirtualKeyCode": _CODES.get(name) or ord(name.upper())}
        if len(name) == 1:
            told["text"] = name
        elif name == "Enter":
            told["text"] = "\r"
        self.call("Input.dispatchKeyEvent", type="keyDown", **told)
        self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def click(self, column: int, row: int) -> None:
        """Clicks on a cell."""
        box = self.value(
            "(b => [b.x, b.y, b.width, b.height])(document.querySelector('.xterm-screen').getBoundingClientRect())"
        )
        columns, rows = self.cells()
        x, y = box[0] + (column + 0.5) * box[2] / columns, box[1] + (row + 0.5) * box[3] / rows
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def resize(self, width: int, height: int) -> None:
        """Another size of the window, in pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def reload(self) -> None:
        """Loads the page again."""
        self.call("Page.reload")

    def picture(self) -> bytes:
        """What the tab looks like, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        """Closes the tab."""
        self._browser.call("Target.closeTarget", targetId=self._target)


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """A browser with a profile of its own, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="onebook-browser-", ignore_cleanup_errors=True) as folder:
        browser = Browser(Path(folder))
        try:
            yield browser
        finally:
            browser.close()
