"""The pictures of the README can be made, and come out the same."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from dashboard.picture import NoPicture
from img import make_pictures, small, tape
from img.record import TAPE
from img.stage import SECOND_NS, staged
from img.tape import Entry
from proto import orderbook_pb2 as pb

SIZE = (80, 24)


@pytest.fixture(scope="module")
def session() -> make_pictures.Session:
    """The recorded one."""
    return tape.read(TAPE)


def test_a_tape_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries = [Entry(0, pb.Pairs(default_pair="A/B")), Entry(5, pb.Book(pair="A/B")), Entry(7, pb.Trades(sent_ns=3))]
    tape.write(tmp_path / "tape", {"seed": "1"}, entries)
    assert tape.read(tmp_path / "tape") == ({"seed": "1"}, entries)


async def test_a_moment_looks_the_same_twice(session: make_pictures.Session) -> None:
    first, second = [await make_pictures.still(session, SIZE, 3.0) for _ in range(2)]
    assert first == second
    assert "LIVE" in first
    assert await make_pictures.still(session, SIZE, 3.5) != first


async def test_the_crossing_names_both_quotes_and_their_ages(session: make_pictures.Session) -> None:
    svg = await make_pictures.still(session, (100, 24), make_pictures.crossing_s(session))
    text = svg.replace("&#160;", " ")
    assert "CROSSED" in text
    assert "K bid" in text
    assert "1.3 s/" in text


async def test_the_session_holds_what_the_film_shows(session: make_pictures.Session) -> None:
    """A venue is lost and comes back, and a late one is found out."""
    async with staged(*session, SIZE, make_pictures.SETTINGS) as stage:
        await stage.to(35.0)
        told = [event.text for event in stage.app.desk.journal.events]
    lost = next(number for number, text in enumerate(told) if text.startswith("coinbase down"))
    assert any(text.startswith("coinbase live") for text in told[lost:])
    assert any(text.startswith("kraken stale") for text in told[lost:])


async def test_keys_work_on_the_stage(session: make_pictures.Session) -> None:
    async with staged(*session, SIZE, make_pictures.SETTINGS) as stage:
        film = make_pictures.Film(stage, "Onebook")
        await film.cut_to(2.0)
        await film.run(1)
        await film.press("space", 1)
        assert "PAUSED" not in film.svgs[0]
        assert "PAUSED" in film.svgs[1]


def test_a_session_that_shows_nothing_is_refused() -> None:
    still = pb.Book(bids=[pb.MergedLevel(price=1)], asks=[pb.MergedLevel(price=2)], spread=0)
    dull: make_pictures.Session = ({}, [Entry(at * SECOND_NS, still) for at in (15, 28)])
    with pytest.raises(NoPicture, match="never calm"):
        make_pictures.calm_s(dull)
    with pytest.raises(NoPicture, match="nothing crosses"):
        make_pictures.crossing_s(dull)


def test_few_colours(tmp_path: Path) -> None:
    """A palette of the picture's own colours leaves them as they are, and a GIF has all of its frames."""
    svg = '.terminal-1-r1 { fill: #ff0000 }<rect fill="#00ff00" />'
    assert small.palette_of([svg], (50,)) == [small.BACK, (0, 255, 0), (255, 0, 0), (136, 9, 9)]
    pictures = []
    for color in ("#ff0000", "#00ff00"):
        made = io.BytesIO()
        Image.new("RGB", (4, 4), color).save(made, "PNG")
        pictures.append(made.getvalue())
    small.write_still(tmp_path / "one.png", pictures[0], small.palette_of([svg], ()))
    assert Image.open(tmp_path / "one.png").convert("RGB").getpixel((1, 1)) == (255, 0, 0)
    small.write_moving(tmp_path / "both.gif", pictures, 330, small.palette_of([svg], ()))
    with Image.open(tmp_path / "both.gif") as moving:
        assert getattr(moving, "n_frames", 1) == 2
        assert moving.info["duration"] == 330


def test_a_picture_that_there_is_none_of_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_pictures.main(["TOI"])
    assert "there is no picture TOI; there are TUI, TUI-80x24" in capsys.readouterr().err


def test_what_cannot_be_made_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tape.write(tmp_path / "tape", json.loads('{"wall_ns": 1, "pair": "A/B", "address": "127.0.0.1:1"}'), [])
    assert make_pictures.main(["crossed", "--tape", str(tmp_path / "tape"), "--out", str(tmp_path)]) == 1
    assert "no crossed.png: nothing crosses" in capsys.readouterr().err
