"""Pictures by the key: a valid SVG of every screen, and a PNG whose columns stand under each other."""

import io
import struct
import sys
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import pytest

from dashboard import picture
from dashboard.market import decode
from dashboard.picture import FONTS, NoPicture, can_convert, png_apart, png_of
from tests.dashboard.conftest import HandClock, dashboard, until
from tests.dashboard.fake import market

SVG = "{http://www.w3.org/2000/svg}"
SCREENS = {"1": "NOTIONAL", "2": "Depth", "3": "Trades", "4": "Venues", "5": "Health", "6": "Symbols", "e": "Log"}


@pytest.mark.parametrize(("key", "told"), SCREENS.items())
@pytest.mark.parametrize("size", [(140, 45), (80, 24), (40, 10)])
async def test_every_screen_has_a_picture(
    key: str, told: str, size: tuple[int, int], tmp_path: Path, hand_clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.album.can_convert", lambda: False)
    app = dashboard(connect=False, clock=hand_clock, screenshot_dir=str(tmp_path))
    async with app.run_test(size=size) as pilot:
        app.desk.connected()
        app.desk.received(decode(market(50), None))
        await pilot.press(key)
        await pilot.pause()
        await pilot.press("P")
        await until(lambda: list(tmp_path.glob("*.svg")), "the picture")
    (path,) = tmp_path.glob("*.svg")
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    assert root.tag == f"{SVG}svg"
    words = "".join(root.itertext()).replace("\u00a0", " ")
    assert "BTC/USDT" in words
    assert size[0] < 120 or told in words


def pixels(png: bytes) -> list[bytes]:
    """The lines of an eight-bit RGBA picture."""
    at, parts, width = 8, b"", 0
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IHDR":
            width, _, depth, colours = struct.unpack(">IIBB", png[at + 8 : at + 18])
            assert (depth, colours) == (8, 6)
        elif kind == b"IDAT":
            parts += png[at + 8 : at + 8 + size]
        at += size + 12
    raw, stride, out = zlib.decompress(parts), 4 * width, [bytes(4 * width)]
    for start in range(0, len(raw), stride + 1):
        out.append(_unfiltered(raw[start], raw[start + 1 : start + 1 + stride], out[-1]))
    return out[1:]


def _unfiltered(kind: int, line: bytes, above: bytes) -> bytes:
    out = bytearray()
    for at, value in enumerate(line):
        left, over = out[at - 4] if at >= 4 else 0, above[at]
        corner = above[at - 4] if at >= 4 else 0
        nearest = min((left, over, corner), key=lambda each: abs(left + over - corner - each))
        out.append((value + (0, left, over, (left + over) // 2, nearest)[kind]) % 256)
    return bytes(out)


@pytest.mark.skipif(not can_convert(), reason="resvg-py is not installed: pip install -r requirements-pictures.txt")
@pytest.mark.skipif(not FONTS[0].exists(), reason="no DejaVu Sans Mono: apt-get install fonts-dejavu-core")
def test_columns_of_the_png_stand_under_each_other() -> None:
    """Narrow letters or wide ones: what follows ten of them stands in the same place, in the font that SVG names."""
    lines = ("iiiiiiiiii█", "WWWWWWWWWW█", "0123456,.9█")
    texts = "".join(f'<text x="10" y="{40 * (at + 1)}">{line}</text>' for at, line in enumerate(lines))
    style = "font-family: Fira Code, monospace; font-size: 20px; fill: white"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="140"><g style="{style}">{texts}</g></svg>'
    drawn = pixels(png_of(svg))
    ends = [max(x for x in range(300) if drawn[40 * (at + 1) - 7][4 * x + 3] > 200) for at in range(len(lines))]
    assert len(set(ends)) == 1
    assert ends[0] > 100, "something is drawn there"


SMALL = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9" fill="white"/></svg>'


@pytest.mark.skipif(not can_convert(), reason="resvg-py is not installed: pip install -r requirements-pictures.txt")
@pytest.mark.skipif(not FONTS[0].exists(), reason="no DejaVu Sans Mono: apt-get install fonts-dejavu-core")
def test_a_process_of_its_own_makes_the_same_picture() -> None:
    assert pixels(png_apart(SMALL)) == pixels(png_of(SMALL))


def test_why_that_process_has_no_picture_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(NoPicture, match="the converter failed"):
        png_apart(SMALL)


def test_the_converter_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking(_: str) -> bytes:
        raise NoPicture("resvg-py is missing")

    monkeypatch.setattr(picture, "png_of", lacking)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SMALL.encode())))
    assert picture.main() == 1
    assert "resvg-py is missing" in capsys.readouterr().err
