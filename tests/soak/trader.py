"""A restless trader at one dashboard: every screen, key and size of window in turn, for hours."""

import asyncio
from random import Random

from tests.soak.usage import Usage
from tests.terminal import Terminal
from tests.truth.record import Record

_SIZES = ((140, 45), (80, 24), (200, 60), (40, 10), (120, 40))
_ESC = b"\x1b"
_THERE_AND_BACK = (b"nN", b"dD", b"Dd")  # at the end the books are of the pair and the size that they were of
_WAYS = (
    *(bytes([number]) for number in b"123456e"),  # screens
    *(bytes([letter]) for letter in b"+-0tbBuvM\\cCmyYTgGjkhlof"),
    *_THERE_AND_BACK,
    *(key * 5 for key in (b"j", b"k", b"+", b"\t")),
    b" ", b" ,,,..", b"jj\r", b"?", b":", b";", b"V", b"!", b"/", b"/eth", b"P", b"r",
)  # fmt: skip
_PAUSE_S = (0.2, 1.0)
_REFILL_S = 40.0  # until the dashboard again keeps as many books, for its step back, as it ever does
_HOME = b"1"


class Trader:
    """Sits at one dashboard. The interface of `Clients`, so that a soak can let him come and go."""

    def __init__(self, terminal: Terminal, rng: Random) -> None:
        self.record = Record()  # nothing is judged here
        self.come = 0  # keys and sizes so far
        self._terminal = terminal
        self._rng = rng
        self._task: asyncio.Task[None] | None = None
        self._leaving = False

    @property
    def present(self) -> int:
        """One, while he is there."""
        return int(self._task is not None)

    def usage(self) -> Usage:
        """What the dashboard uses now."""
        return Usage.of(self._terminal.popen.pid)

    def begin(self) -> None:
        """Lets him go to work."""
        self._leaving = False
        self._task = asyncio.create_task(self._work())

    async def end(self) -> None:
        """He leaves the first screen behind, as he found it; raises what went wrong."""
        if self._task is None:
            return
        self._leaving = True  # not in the middle of there and back
        await self._task
        self._task = None
        self._check()
        self._terminal.resize(*_SIZES[0])
        await self._press(_HOME)
        await asyncio.sleep(_REFILL_S)

    async def _work(self) -> None:
        deck: list[bytes | tuple[int, int]] = []
        while not self._leaving:
            if not deck:
                deck = [*_WAYS, *_SIZES]
                self._rng.shuffle(deck)
            self._check()
            way = deck.pop()
            self.come += 1
            if isinstance(way, bytes):
                await self._press(way)
            else:
                self._terminal.resize(*way)
            await asyncio.sleep(self._rng.uniform(*_PAUSE_S))

    async def _press(self, keys: bytes) -> None:
        """Whatever is open is closed first; a lone Escape needs time to be told from the begin of a sequence."""
        whole = (_ESC, *(bytes([key]) for key in keys)) if keys in _THERE_AND_BACK else (_ESC, keys)
        for each in whole:
            self._terminal.press(each)
            await asyncio.sleep(0.2 if whole[1:] == (keys,) else 1.0)
        if keys.startswith(b" "):
            self._terminal.press(b" ")

    def _check(self) -> None:
        code = self._terminal.popen.poll()
        if code is not None:
            raise RuntimeError(f"the dashboard ended with {code}: {self._terminal.seen[-2000:]!r}")
