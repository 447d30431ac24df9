"""SVG pictures of each state: a change of any cell or colour is seen."""

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from dashboard.app import Dashboard
from dashboard.feed import Failure
from dashboard.market import decode
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import SECOND, HandClock, dashboard
from tests.dashboard.fake import book, market, venue
from tests.dashboard.test_rows import FOUR, crossed, locked

Scene = Callable[[Dashboard, HandClock], None]
SnapCompare = Callable[..., bool]


def live(app: Dashboard, clock: HandClock) -> None:
    app.received(decode(market(mid=6_412_320, venues=FOUR), None))
    app.received(decode(market(venues=FOUR), None))


def frozen(app: Dashboard, clock: HandClock) -> None:
    live(app, clock)
    app.ended(Failure("UNAVAILABLE", "socket closed"), 14 * SECOND)
    clock.forward(12)


def stale(app: Dashboard, clock: HandClock) -> None:
    live(app, clock)
    clock.forward(3.2)


def paused(app: Dashboard, clock: HandClock) -> None:
    live(app, clock)
    app.action_pause()
    clock.forward(8)
    app.received(decode(market(conflated=80), None))


def waiting(app: Dashboard, clock: HandClock) -> None:
    app.connecting(1)
    app.connected()
    app.received(decode(book(venues=[venue("binance", pb.CONNECTING), venue("bitstamp", pb.SYNCING)]), None))
    clock.forward(1.4)


def unreachable(app: Dashboard, clock: HandClock) -> None:
    app.connecting(4)
    app.ended(Failure("UNAVAILABLE", "connection refused"), 11 * SECOND)
    clock.forward(9)


def crossing(app: Dashboard, clock: HandClock) -> None:
    app.received(decode(crossed(), None))


def locking(app: Dashboard, clock: HandClock) -> None:
    app.received(decode(locked(), None))


def helping(app: Dashboard, clock: HandClock) -> None:
    live(app, clock)
    app.action_help()


CASES: list[Any] = [
    pytest.param(scene, size, theme, id=f"{scene.__name__}-{theme}-{size[0]}x{size[1]}")
    for scene, size, theme in [
        (live, (80, 24), "dark"),
        (live, (80, 24), "cvd"),
        (live, (80, 24), "mono"),
        (live, (140, 45), "dark"),
        (live, (40, 10), "dark"),
        (frozen, (80, 24), "dark"),
        (frozen, (80, 24), "mono"),
        (stale, (80, 24), "dark"),
        (paused, (80, 24), "dark"),
        (waiting, (80, 24), "dark"),
        (unreachable, (80, 24), "dark"),
        (unreachable, (40, 10), "dark"),
        (crossing, (80, 24), "dark"),
        (locking, (80, 24), "cvd"),
        (helping, (80, 24), "dark"),
        (live, (33, 6), "dark"),
    ]
]


@pytest.mark.parametrize(("scene", "size", "theme"), CASES)
def test_picture(
    snap_compare: SnapCompare, hand_clock: HandClock, scene: Scene, size: tuple[int, int], theme: str
) -> None:
    app = dashboard(connect=False, clock=hand_clock, theme=theme)

    async def show(pilot: Pilot[None]) -> None:
        scene(app, hand_clock)
        await pilot.pause()
        app.draw()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=show)
