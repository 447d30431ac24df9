"""Pictures made small: PNG and GIF of the dashboard's few colours, of which a GIF keeps only what changes."""

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

BACK = (0x12, 0x12, 0x12)  # of most of the screen
STILL_STEPS = (20, 40, 60, 80)  # per cent of a letter's colour, for its edges
MOVING_STEPS = (50,)  # each further step costs a tenth of the file

Color = tuple[int, int, int]


def write_still(path: Path, picture: bytes, palette: Sequence[Color]) -> None:
    """Writes a PNG: half its size, and nobody sees the difference."""
    _drawn(picture, palette).save(path, optimize=True)


def write_moving(path: Path, pictures: Sequence[bytes], time_ms: int, palette: Sequence[Color]) -> None:
    """Writes PNGs as an endless GIF, each standing for its time."""
    frames = [_drawn(picture, palette) for picture in pictures]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=time_ms, loop=0, optimize=True, disposal=1)


def palette_of(svgs: Iterable[str], steps: Sequence[int]) -> list[Color]:
    """The colours of these pictures, and so many per cent of the letters' colours over the background."""
    texts: set[str] = set()
    fills: set[str] = set()
    for svg in svgs:
        texts |= set(re.findall(r"\.terminal-\S+ \{ fill: (#[0-9a-f]{6})", svg))
        fills |= set(re.findall(r'<rect fill="(#[0-9a-f]{6})"', svg))
    whole = [_color(text) for text in sorted(texts | fills)]
    edges = [_mixed(_color(text), step) for text in sorted(texts) for step in steps]
    return list(dict.fromkeys([BACK, *whole, *edges]))[:256]


def _drawn(picture: bytes, palette: Sequence[Color]) -> Image.Image:
    sheet = Image.new("P", (1, 1))
    entries = [*palette, *[BACK] * (256 - len(palette))]
    sheet.putpalette([part for color in entries for part in color])
    return Image.open(io.BytesIO(picture)).convert("RGB").quantize(palette=sheet, dither=Image.Dither.NONE)


def _color(text: str) -> Color:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _mixed(color: Color, share: int) -> Color:
    red, green, blue = ((part * share + back * (100 - share)) // 100 for part, back in zip(color, BACK, strict=True))
    return red, green, blue
