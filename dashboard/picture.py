"""Pictures of the dashboard: their names and titles, and PNG out of SVG with a font whose columns align.

As a program it converts: `python -m dashboard.picture < picture.svg > picture.png`.
"""

import importlib.util
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from dashboard.market import DashboardError
from dashboard.numbers import clock
from dashboard.panels.base import Scene

FAMILY = "DejaVu Sans Mono"
FONTS = tuple(
    Path("/usr/share/fonts/truetype/dejavu") / f"DejaVuSansMono{style}.ttf" for style in ("", "-Bold", "-Oblique")
)


class NoPicture(DashboardError):
    """A picture could not be made; the text says what is missing."""


def file_name(scene: Scene, now_s: float) -> str:
    """`onebook-BTCUSDT-20261120T120046Z.svg`."""
    pair = "".join(sign for sign in scene.view.pair if sign.isalnum()) or "book"
    return f"onebook-{pair}-{datetime.fromtimestamp(now_s, UTC):%Y%m%dT%H%M%SZ}.svg"


def title(scene: Scene) -> str:
    """The pair, the time of the book, and what the picture is worth."""
    view = scene.view
    state = "PAUSED" if view.pause is not None else view.state.name
    parts = ["Onebook", view.pair]
    if view.book is not None:
        parts.append(f"{clock(view.book.clocks.sent_ns)} UTC")
    parts.append(state)
    if scene.status is not None and scene.status.version:
        parts.append(f"server {scene.status.version}")
    return "  ".join(part for part in parts if part)


def can_convert() -> bool:
    """Whether resvg-py is installed."""
    return importlib.util.find_spec("resvg_py") is not None


def png_of(svg: str, width: int | None = None) -> bytes:
    """The picture as PNG, so many pixels wide; None: as it says itself. Raises NoPicture.

    Takes a second and needs no lock: call it in a thread.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise NoPicture("resvg-py is missing: pip install -r requirements-pictures.txt") from error
    missing = [str(path) for path in FONTS[:2] if not path.exists()]
    if missing:
        raise NoPicture(f"{missing[0]} is missing: apt-get install fonts-dejavu-core")
    text = svg.replace("Fira Code", FAMILY).replace("arial", FAMILY)
    fonts = [str(path) for path in FONTS if path.exists()]
    made = resvg_py.svg_to_bytes(
        svg_string=text, width=width, font_files=fonts, skip_system_fonts=True, monospace_family=FAMILY
    )
    return bytes(made)


def png_apart(svg: str) -> bytes:
    """The same by a process of its own: the 30 MB that one takes are given back when it ends. Raises NoPicture."""
    done = subprocess.run(
        [sys.executable, "-m", "dashboard.picture"],
        input=svg.encode(),
        capture_output=True,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    if done.returncode:
        raise NoPicture(done.stderr.decode(errors="replace").strip().rpartition("\n")[2] or "the converter failed")
    return done.stdout


def main() -> int:
    """The exit status: 1 with the reason when there is no picture."""
    try:
        sys.stdout.buffer.write(png_of(sys.stdin.buffer.read().decode()))
    except NoPicture as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
