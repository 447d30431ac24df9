"""Makes the pictures of the dashboard from the real program: `make pictures`.

    python -m img.make_pictures                      all of them, out of the recorded session
    python -m img.make_pictures TUI crossed          these
    python -m img.record                             another session

The dashboard runs without a terminal on what our own venue and a server said while they were recorded. The picture
of the browser is taken of a live page, which needs Chromium.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from dashboard.picture import NoPicture, png_of
from dashboard.settings import Settings
from img import page, small, tape
from img.record import TAPE
from img.stage import Stage, staged
from img.tape import Entry
from proto import orderbook_pb2 as pb

HERE = Path(__file__).parent
CALM_S = (12.0, 20.0)  # of the tape: all is live, and the figures of a minute have begun
LATE_S = (27.0, 30.0)  # one venue's frames are late: its bids stand above the others' asks
SETTINGS = Settings(color="truecolor")
GIF_WIDTH = 900  # pixels
GIF_SIZE = (120, 32)
GIF_EVERY_S = 0.33

Session = tuple[dict[str, Any], Sequence[Entry]]


async def still(session: Session, size: tuple[int, int], at_s: float) -> str:
    """The SVG of one moment."""
    async with staged(*session, size, SETTINGS) as stage:
        await stage.to(at_s)
        return stage.svg(f"Onebook  {session[0]['pair']}")


def calm_s(session: Session) -> float:
    """The newest moment of those in which bids are below asks and all venues have been heard lately."""
    found = [
        entry.at_ns / 1e9
        for entry in session[1]
        if isinstance(entry.message, pb.Book)
        and CALM_S[0] < entry.at_ns / 1e9 < CALM_S[1]
        and entry.message.spread > 0
        and all(venue.trust.age_ns < 150_000_000 for venue in entry.message.venues)
    ]
    if not found:
        raise NoPicture("the recorded session is never calm; record another: python -m img.record --seed 2")
    return found[-1]


def crossing_s(session: Session) -> float:
    """When the best prices cross the farthest while a venue is late."""
    found = [
        (entry.message.bids[0].price - entry.message.asks[0].price, entry.at_ns / 1e9)
        for entry in session[1]
        if isinstance(entry.message, pb.Book)
        and LATE_S[0] < entry.at_ns / 1e9 < LATE_S[1]
        and entry.message.bids
        and entry.message.asks
    ]
    width, at_s = max(found, key=lambda each: (each[0], each[1]), default=(0, 0.0))
    if width <= 0:
        raise NoPicture("nothing crosses in the recorded session; record another: python -m img.record --seed 2")
    return at_s


class Film:
    """Pictures of a stage, one after another."""

    def __init__(self, stage: Stage, title: str) -> None:
        self._stage = stage
        self._title = title
        self._now_s = 0.0
        self.svgs: list[str] = []

    async def cut_to(self, at_s: float) -> None:
        """Goes there without taking pictures."""
        self._now_s = at_s
        await self._stage.to(at_s)

    async def run(self, count: int) -> None:
        """Takes so many pictures."""
        for _ in range(count):
            self._now_s += GIF_EVERY_S
            await self._stage.to(self._now_s)
            self.svgs.append(self._stage.svg(self._title))

    async def press(self, key: str, count: int) -> None:
        """Presses a key, and takes so many pictures of what comes of it."""
        await self._stage.press(key)
        await self.run(count)


async def film(session: Session) -> list[str]:
    """A walk: grouping, the cursor, depth; a venue that is lost and comes back, one that is late and caught."""
    async with staged(*session, GIF_SIZE, SETTINGS) as stage:
        taken = Film(stage, f"Onebook  {session[0]['pair']}")
        await taken.cut_to(10.0)
        await taken.run(4)
        for key, count in (("+", 3), ("+", 2), ("-", 1), ("k", 1), ("k", 1), ("k", 3), ("escape", 1), ("0", 1)):
            await taken.press(key, count)
        await taken.press("2", 4)
        await taken.press("1", 1)
        await taken.cut_to(19.6)  # the connection of one venue is cut at 20 s
        await taken.run(12)
        await taken.cut_to(26.6)  # another one is late since 26 s, and is found out at 30 s
        await taken.run(13)
        await taken.cut_to(33.6)
        await taken.run(4)
        return taken.svgs


async def _png(session: Session, path: Path, size: tuple[int, int], at_s: float) -> None:
    svg = await still(session, size, at_s)
    small.write_still(path, png_of(svg), small.palette_of([svg], small.STILL_STEPS))


async def _gif(session: Session, path: Path) -> None:
    svgs = await film(session)
    pictures = [png_of(svg, GIF_WIDTH) for svg in svgs]
    small.write_moving(path, pictures, round(GIF_EVERY_S * 1000), small.palette_of(svgs, small.MOVING_STEPS))


async def _web(session: Session, path: Path) -> None:
    alike = await still(session, (140, 45), calm_s(session))
    small.write_still(path, await asyncio.to_thread(page.taken), small.palette_of([alike], small.STILL_STEPS))


Maker = Callable[[Session, Path], Awaitable[None]]
PICTURES: dict[str, Maker] = {
    "TUI.png": lambda session, path: _png(session, path, (140, 45), calm_s(session)),
    "TUI-80x24.png": lambda session, path: _png(session, path, (80, 24), calm_s(session)),
    "crossed.png": lambda session, path: _png(session, path, (100, 24), crossing_s(session)),
    "onebook.gif": _gif,
    "web.png": _web,
}


async def make(names: Sequence[str], session: Session, folder: Path) -> bool:
    """Makes these into `folder`, all in one event loop; whether each could be made."""
    well = True
    for name in names:
        path = folder / name
        try:
            await PICTURES[name](session, path)
        except NoPicture as error:
            print(f"make_pictures: no {name}: {error}", file=sys.stderr)
            well = False
        else:
            print(f"{path}: {path.stat().st_size // 1024} kB", flush=True)
    return well


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 1 when a picture could not be made."""
    parser = argparse.ArgumentParser(
        prog="img.make_pictures", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = {Path(name).stem: name for name in PICTURES}
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--tape", type=Path, default=TAPE, metavar="FILE", help="the recorded session")
    parser.add_argument("--out", type=Path, default=HERE, metavar="FOLDER")
    told = parser.parse_args(argv)
    strange = [name for name in told.names if name not in known]
    if strange:
        parser.error(f"there is no picture {strange[0]}; there are {', '.join(known)}")
    names = [known[name] for name in told.names] or list(PICTURES)
    return 0 if asyncio.run(make(names, tape.read(told.tape), told.out)) else 1


if __name__ == "__main__":
    sys.exit(main())
