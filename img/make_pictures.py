"""Takes the pictures of the dashboard from the real program: `make pictures`.

    python -m img.make_pictures                      our own venue and a server of its own
    python -m img.make_pictures --port 50052         a server that is running

The dashboard runs without a terminal, connected to the server; what it shows becomes SVG, then PNG.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from dashboard.app import Dashboard
from dashboard.feed import FeedState
from dashboard.market import Touch
from dashboard.settings import Settings
from dashboard.stream import Target
from proto import orderbook_pb2 as pb

HERE = Path(__file__).parent
DEADLINE_S = 30.0
CALM_S = 20.0  # a crossed book is worth a picture too, but not the first one
FAMILY = "DejaVu Sans Mono"
FONTS = tuple(
    Path("/usr/share/fonts/truetype/dejavu") / f"DejaVuSansMono{style}.ttf" for style in ("", "-Bold", "-Oblique")
)
PICTURES = (
    ("TUI", (140, 45), "dark"),
    ("TUI-80x24", (80, 24), "dark"),
)


class NoPicture(Exception):
    """A picture could not be taken; the text says what is missing."""


async def take(target: Target, pair: str, size: tuple[int, int], theme: str) -> str:
    """The SVG of the dashboard once it shows a live book; raises NoPicture when none comes."""
    request = pb.BookRequest(pair=pair, levels=50, min_interval_ms=50)
    app = Dashboard(target, request, settings=Settings(theme=theme), clock=time.monotonic_ns)
    async with app.run_test(size=size) as pilot:
        deadline = time.monotonic() + DEADLINE_S
        while not _worth_showing(app):
            if time.monotonic() > deadline:
                failure = app.desk.feed.view().failure
                raise NoPicture(
                    f"no live book of {pair or 'the default pair'} at {target.address}: {failure or 'silence'}"
                )
            await asyncio.sleep(0.1)
        await asyncio.sleep(2.0)  # long enough for a rate and a trend
        deadline = time.monotonic() + CALM_S
        while not _calm(app) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await pilot.pause()
        return app.export_screenshot(title=f"Onebook  {app.desk.feed.view().pair}")


def _worth_showing(app: Dashboard) -> bool:
    """Every venue live and both sides filled."""
    view = app.desk.feed.view()
    book = view.book
    if book is None or view.state is not FeedState.LIVE:
        return False
    return book.live_venues == book.wanted_venues and min(len(book.bids), len(book.asks)) >= 9


def _calm(app: Dashboard) -> bool:
    """The usual case: nothing crossed."""
    book = app.desk.feed.view().book
    return book is not None and book.touch is Touch.OPEN


def png_of(svg: str) -> bytes:
    """The picture with a font whose columns align; raises NoPicture when the converter or the font is missing."""
    try:
        import resvg_py
    except ImportError as error:
        raise NoPicture("resvg-py is missing: pip install -r requirements-pictures.txt") from error
    missing = [str(path) for path in FONTS[:2] if not path.exists()]
    if missing:
        raise NoPicture(f"{missing[0]} is missing: apt-get install fonts-dejavu-core")
    text = svg.replace("Fira Code", FAMILY).replace("arial", FAMILY)
    fonts = [str(path) for path in FONTS if path.exists()]
    made = resvg_py.svg_to_bytes(svg_string=text, font_files=fonts, skip_system_fonts=True, monospace_family=FAMILY)
    return bytes(made)


async def make(target: Target, pair: str, folder: Path) -> None:
    """Takes every picture into `folder`, all in one event loop: gRPC stays with the first that it sees."""
    for name, size, theme in PICTURES:
        svg = await take(target, pair, size, theme)
        path = folder / f"{name}.png"
        path.write_bytes(png_of(svg))
        print(f"{path}: {path.stat().st_size // 1024} kB", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 1 when a picture could not be taken."""
    parser = argparse.ArgumentParser(prog="img.make_pictures", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", type=int, help="of a running server; without it our own venue and a server are started"
    )
    parser.add_argument("--symbol", default="", metavar="PAIR")
    parser.add_argument("--out", type=Path, default=HERE, metavar="FOLDER")
    told = parser.parse_args(argv)
    try:
        if told.port is not None:
            asyncio.run(make(Target(told.host, told.port), told.symbol, told.out))
            return 0
        from demo import Demo, Failed

        with tempfile.TemporaryDirectory(prefix="onebook-pictures-") as folder:
            demo = Demo(Path(folder))
            try:
                port = demo.server(["--pair", "BTC/USDT", *demo.venue(["--seed", "1"])])
                asyncio.run(make(Target("127.0.0.1", port), told.symbol or "BTC/USDT", told.out))
            except Failed as error:
                raise NoPicture(str(error)) from error
            finally:
                demo.stop()
    except NoPicture as error:
        print(f"make_pictures: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
