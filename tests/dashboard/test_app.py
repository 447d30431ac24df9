"""The application by pilot: what a person sees when keys are pressed, servers die and terminals change."""

import asyncio
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.style import Style
from textual.strip import Strip

from dashboard.app import Dashboard
from dashboard.feed import FeedState
from dashboard.keys import ACTIONS
from dashboard.market import decode
from dashboard.pages.help import HelpPage
from dashboard.painting import Painting
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import HandClock, dashboard, until
from tests.dashboard.fake import FakeServer, book, heartbeat, market, venue
from tests.dashboard.looks import LOOKS


def text_of(app: Dashboard, name: str) -> str:
    """What a widget shows."""
    painting = app.screen_stack[0].query_one(f"#{name}", Painting)
    return "\n".join(painting.render_line(y).text for y in range(painting.size.height))


async def test_a_book_is_drawn_on_arrival(server: FakeServer) -> None:
    server.put(market())
    app = dashboard(server.port)
    async with app.run_test(size=(80, 24)):
        await until(lambda: "64,123.40" in text_of(app, "book"))
        assert "● LIVE" in text_of(app, "header")
        assert "venues 2/2 live" in text_of(app, "header")
        server.put(market(mid=7_000_010))
        await until(lambda: "70,000.20" in text_of(app, "book"))
        assert "▲" in text_of(app, "header")


async def test_the_first_picture_needs_no_server() -> None:
    app = dashboard(1)
    began = time.monotonic()
    async with app.run_test(size=(80, 24)):
        await until(lambda: "127.0.0.1:1" in text_of(app, "book"))
        assert time.monotonic() - began < 2
        await until(lambda: "UNAVAILABLE: connection refused" in text_of(app, "book"))
        assert "DISCONNECTED" in text_of(app, "header") or "RECONNECTING" in text_of(app, "header")


async def test_pause_freezes_the_picture_not_the_stream(server: FakeServer) -> None:
    server.put(market())
    app = dashboard(server.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(lambda: "64,123.40" in text_of(app, "book"))
        await pilot.press("space")
        server.put(*(market(mid=7_000_010 + step) for step in range(5)))
        await until(lambda: "5 updates behind" in text_of(app, "header"))
        assert "PAUSED" in text_of(app, "header")
        assert "64,123.40" in text_of(app, "book")
        assert "Resume" in text_of(app, "footer")
        await pilot.press("space")
        assert "70,000" in text_of(app, "book")
        assert "PAUSED" not in text_of(app, "header")


async def test_a_killed_server_leaves_the_book_frozen_and_comes_back_by_itself(server: FakeServer) -> None:
    server.put(market())
    app = dashboard(server.port)
    async with app.run_test(size=(80, 24)):
        await until(lambda: "● LIVE" in text_of(app, "header"))
        port = server.port
        began = time.monotonic()
        server.stop()
        await until(lambda: "FROZEN" in text_of(app, "header"))
        assert time.monotonic() - began < 1.5
        assert "NOT live" in text_of(app, "header")
        assert "64,123.40" in text_of(app, "book"), "the book is kept"
        server.start(port)
        began = time.monotonic()
        await until(lambda: "● LIVE" in text_of(app, "header"))
        assert time.monotonic() - began < 3


async def test_a_server_that_said_goodbye_stopped(server: FakeServer) -> None:
    """Attempts that fail afterwards do not turn a planned end into a loss."""
    server.put(market())
    app = dashboard(server.port)
    async with app.run_test(size=(80, 24)):
        await until(lambda: "● LIVE" in text_of(app, "header"))
        server.put(pb.Book(pair="BTC/USDT", closing=True))
        await asyncio.to_thread(server.stop)
        await until(lambda: app.desk.feed.view().attempt >= 2, "a failed attempt")
        await until(lambda: "server stopped, retry" in text_of(app, "header"))
        assert "64,123.40" in text_of(app, "book")


async def test_a_hung_server_is_stale_within_two_seconds(server: FakeServer) -> None:
    """No error comes from the channel: only the client's own clock tells."""
    first = market()
    server.put(first)
    app = dashboard(server.port)
    async with app.run_test(size=(80, 24)):
        await until(lambda: "● LIVE" in text_of(app, "header"))
        began = time.monotonic()
        await until(lambda: "◐ STALE" in text_of(app, "header"))
        assert 1.4 < time.monotonic() - began < 2.2
        assert "64,123.40" in text_of(app, "book")
        server.put(heartbeat(first))
        await until(lambda: "● LIVE" in text_of(app, "header"))


async def test_waiting_names_the_venues(server: FakeServer) -> None:
    server.put(book(venues=[venue("binance", pb.CONNECTING), venue("bitstamp", pb.SYNCING)]))
    app = dashboard(server.port)
    async with app.run_test(size=(80, 24)):
        await until(lambda: "waiting for the first book" in text_of(app, "book"))
        await until(lambda: "S ◌ snapshot" in text_of(app, "book"))
        assert "◌ WAITING" in text_of(app, "header")


async def test_retry_connects_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.stream.BACKOFF_FIRST_S", 30.0)
    monkeypatch.setattr("dashboard.stream.BACKOFF_CAP_S", 30.0)
    app = dashboard(1)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(lambda: "attempt 1 · next try in" in text_of(app, "book"))
        await pilot.press("r")
        await until(lambda: "attempt 2 · next try in" in text_of(app, "book"))


async def test_help_opens_and_closes_and_names_every_key(server: FakeServer) -> None:
    server.put(market())
    app = dashboard(server.port)
    async with app.run_test(size=(140, 140)) as pilot:
        for closing in ("escape", "question_mark"):
            await pilot.press("question_mark")
            assert isinstance(app.screen, HelpPage)
            shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
            for key in ACTIONS:
                assert key.about in shown
            await pilot.press(closing)
            assert not isinstance(app.screen, HelpPage)


async def test_an_application_that_is_going_draws_no_more(server: FakeServer) -> None:
    """Its parts go one by one, and a tick may come in between."""
    server.put(market())
    app = dashboard(server.port)
    async with app.run_test(size=(140, 60)):
        await app.screen.query_one("#book").remove()
        app.draw()


async def test_the_book_goes_on_behind_the_help(server: FakeServer) -> None:
    server.put(market())
    app = dashboard(server.port)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(lambda: "64,123.40" in text_of(app, "book"))
        await pilot.press("question_mark")
        server.put(market(mid=7_000_010))
        await until(lambda: "70,000.20" in text_of(app, "book"))
        await pilot.press("j", "k", "q")
    assert app.return_code == 0


async def test_escape_never_quits_and_q_does(hand_clock: HandClock) -> None:
    app = dashboard(connect=False, clock=hand_clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("escape", "escape", "escape")
        assert app.is_running
        await pilot.press("q")
    assert app.return_code == 0


async def test_control_c_twice_quits(hand_clock: HandClock) -> None:
    app = dashboard(connect=False, clock=hand_clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+c")
        hand_clock.forward(3)
        await pilot.press("ctrl+c")
        assert app.return_code is None, "too slow: the first one is forgotten"
        await pilot.press("ctrl+c")
    assert app.return_code == 0


async def test_a_storm_of_resizes(server: FakeServer) -> None:
    """Any size in any order, with updates in between: nothing raises, every line has the width of its widget."""
    server.put(market())
    app = dashboard(server.port)
    dice = random.Random(3)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(lambda: "● LIVE" in text_of(app, "header"))
        for _ in range(25):
            width, height = dice.randint(1, 240), dice.randint(1, 70)
            server.put(market(seed=width, mid=6_412_330 + height * 10))
            await pilot.resize_terminal(width, height)
            for painting in app.screen.query(Painting):
                if painting.display:
                    lines = [painting.render_line(y) for y in range(painting.size.height)]
                    assert {line.cell_length for line in lines} <= {painting.size.width}
        await pilot.resize_terminal(80, 24)
        await until(lambda: "venues 2/2 live" in text_of(app, "header"))


async def test_every_width_is_filled_exactly(hand_clock: HandClock) -> None:
    """render_line is as wide as the widget from the smallest to a very wide terminal."""
    app = dashboard(connect=False, clock=hand_clock)
    async with app.run_test(size=(40, 24)) as pilot:
        app.desk.received(decode(market(), None))
        for width in range(40, 241, 5):
            await pilot.resize_terminal(width + width % 3, 24)
            app.draw()
            for painting in app.screen.query(Painting):
                for y in range(painting.size.height):
                    strip = painting.render_line(y)
                    assert strip.cell_length == painting.size.width
                    assert len(strip.text) == painting.size.width


async def test_an_unchanged_book_draws_nothing(hand_clock: HandClock) -> None:
    """Rows are their own keys: the same picture asks for no line, a changed amount only for its side."""
    app = dashboard(connect=False, clock=hand_clock)
    async with app.run_test(size=(80, 24)) as pilot:
        app.desk.received(decode(market(), None))
        await pilot.pause()
        painting = app.screen.query_one("#book", Painting)
        rows = list(painting._rows)
        assert painting.show(rows) == 0
        changed = market()
        changed.bids[3].amounts[0].amount += 1
        before = painting.render_line(5)
        app.desk.received(decode(changed, None))
        await until(lambda: painting._rows != rows, "the new picture")
        same = [y for y, (old, new) in enumerate(zip(rows, painting._rows, strict=True)) if old == new]
        assert len(same) >= 10
        assert painting.render_line(5) is before, "the strip of an unchanged row is kept"


async def test_the_frame_cap_holds(server: FakeServer) -> None:
    """A flood is drained and the newest is drawn: far fewer pictures than messages."""
    server.put(market(2))
    app = dashboard(server.port)
    async with app.run_test(size=(80, 24)):
        await until(lambda: "● LIVE" in text_of(app, "header"))
        frames, began = app.frames, time.monotonic()
        server.put(*(market(2, mid=6_500_000 + step * 10) for step in range(300)))
        await until(lambda: "65,029.80" in text_of(app, "book"))
        assert app.frames - frames <= (time.monotonic() - began) * 20 + 6


async def test_keys_stay_quick_under_load(server: FakeServer) -> None:
    server.put(market())
    app = dashboard(server.port)
    async with app.run_test(size=(140, 45)) as pilot:
        await until(lambda: "● LIVE" in text_of(app, "header"))
        feeding = asyncio.ensure_future(asyncio.to_thread(_feed, server, 100))
        await pilot.press("space")
        assert app.desk.feed.paused
        await feeding


def _feed(server: FakeServer, count: int) -> None:
    for step in range(count):
        server.put(market(seed=step))


async def test_state_of_feed_and_venue_are_two_axes(server: FakeServer) -> None:
    server.put(market(venues=[venue("binance"), venue("bitstamp", pb.GAP, since_ns=1)]))
    app = dashboard(server.port)
    async with app.run_test(size=(80, 24)):
        await until(lambda: "venues 1/2 live" in text_of(app, "header"))
        assert "● LIVE" in text_of(app, "header")
        assert "bitstamp ↻ resync" in text_of(app, "header")
        assert app.desk.feed.view().state is FeedState.LIVE


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 240), st.integers(0, 250), st.booleans())
def test_a_strip_is_as_wide_as_asked(width: int, fill: int, dimmed: bool) -> None:
    """Whatever row comes, the strip has the widget's width."""
    from dashboard.rows import Role, Row, Span

    painting = Painting(LOOKS["dark"], id="x")
    painting._dimmed = dimmed
    row = Row((Span("abc", Role.BID), Span("d" * (width // 2))), min(fill, width), Role.ASK)
    strip = painting._strip(row, width)
    assert isinstance(strip, Strip)
    assert strip.cell_length == width


@pytest.mark.parametrize("name", sorted(LOOKS))
def test_looks_tell_frozen_from_live(name: str) -> None:
    from dashboard.rows import Role

    look = LOOKS[name]
    for role in (Role.NORMAL, Role.BID, Role.ASK, Role.GOOD):
        assert look.style(role, Role.BID, True) != look.style(role, Role.BID, False)
        assert look.style(role, None, True) != look.style(role, None, False)


def test_mono_has_no_colour() -> None:
    for role in LOOKS["mono"].styles:
        for fill in (None, *LOOKS["dark"].fills):
            for dimmed in (False, True):
                style: Style = LOOKS["mono"].style(role, fill, dimmed)
                assert style.color is None
                assert style.bgcolor is None
