"""The picture of the dashboard in a browser: a live page of our own venue, a server and client.py --web."""

import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dashboard.picture import NoPicture
from demo import Demo, Failed
from img.browser import ABSENT, CHROMIUM, NotSeen, Page, browsing
from img.record import FACES, PAIR, venue_arguments

SIZE = (1300, 900)  # pixels


def taken() -> bytes:
    """The picture, as PNG. Raises NoPicture."""
    if CHROMIUM is None:
        raise NoPicture(ABSENT)
    with tempfile.TemporaryDirectory(prefix="onebook-page-") as folder:
        demo = Demo(Path(folder))
        try:
            arguments = demo.venue(venue_arguments("1"))
            port = demo.server([*arguments, "--exchanges", ",".join(FACES), "--pair", PAIR])
            with served(port, Path(folder)) as (url, process), browsing() as browser:
                page = browser.open(url, *SIZE)
                page.until(lambda: f"{len(FACES)}/{len(FACES)} live" in page.text(), "a live book")
                page.until(lambda: "1m vol" in page.text(), "trades")
                page.until(lambda: _stands(page, process), "a calm book")
                return page.picture()
        except (Failed, NotSeen) as error:
            raise NoPicture(str(error)) from error
        finally:
            demo.stop()


def _stands(page: Page, process: subprocess.Popen[str]) -> bool:
    """Stops the page's server where bids are below asks; whether it did. Drawing is a frame or two behind."""
    process.send_signal(signal.SIGSTOP)
    page.value("new Promise(done => setTimeout(done, 200))")
    if page.text().count(" mid") > 1:
        return True
    process.send_signal(signal.SIGCONT)
    return False


@contextlib.contextmanager
def served(port: int, folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """client.py --web: the address of its page, and the process."""
    config = folder / "config.toml"
    config.touch()
    command = [sys.executable, "client.py", "--web", "0", "--port", str(port), "--config", str(config)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if line.startswith("dashboard on "):
                    yield line.split()[2].rstrip(","), process
                    return
            raise NoPicture("client.py --web did not come up")
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait()
