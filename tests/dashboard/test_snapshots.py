"""SVG pictures of each state: a change of any cell or colour is seen."""

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from dashboard.app import Dashboard
from dashboard.feed import Failure
from dashboard.market import decode
from dashboard.options import Glyphs, Orientation, RowModel
from dashboard.pace import Figures
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import SECOND, HandClock, dashboard
from tests.dashboard.fake import EPOCH_NS, book, market, venue
from tests.dashboard.groups import at_par, conversion, group, trade
from tests.dashboard.test_every_key import fill
from tests.dashboard.test_rows import FOUR, crossed, locked

Scene = Callable[[Dashboard, HandClock], None]
SnapCompare = Callable[..., bool]


def live(app: Dashboard, clock: HandClock) -> None:
    app.desk.received(decode(market(mid=6_412_320, venues=FOUR), None))
    app.desk.received(decode(market(venues=FOUR), None))


def frozen(app: Dashboard, clock: HandClock) -> None:
    live(app, clock)
    app.desk.ended(Failure("UNAVAILABLE", "socket closed"), 14 * SECOND)
    clock.forward(12)


def stale(app: Dashboard, clock: HandClock) -> None:
    live(app, clock)
    clock.forward(3.2)


def paused(app: Dashboard, clock: HandClock) -> None:
    live(app, clock)
    app.desk.feed.toggle_pause()
    clock.forward(8)
    app.desk.received(decode(market(conflated=80), None))


def waiting(app: Dashboard, clock: HandClock) -> None:
    app.desk.connecting(1)
    app.desk.connected()
    app.desk.received(decode(book(venues=[venue("binance", pb.CONNECTING), venue("bitstamp", pb.SYNCING)]), None))
    clock.forward(1.4)


def unreachable(app: Dashboard, clock: HandClock) -> None:
    app.desk.connecting(4)
    app.desk.ended(Failure("UNAVAILABLE", "connection refused"), 11 * SECOND)
    clock.forward(9)


def crossing(app: Dashboard, clock: HandClock) -> None:
    app.desk.received(decode(crossed(), None))


def locking(app: Dashboard, clock: HandClock) -> None:
    app.desk.received(decode(locked(), None))


def refused(app: Dashboard, clock: HandClock) -> None:
    app.desk.connecting(1)
    app.desk.ended(Failure("NOT_FOUND", "no pair BTC/USDX; near: BTC/USDT, BTC/USD", True), 5 * SECOND)


def connecting(app: Dashboard, clock: HandClock) -> None:
    app.desk.connecting(1)


def impatient(app: Dashboard, clock: HandClock) -> None:
    waiting(app, clock)
    clock.forward(6)


def reconnecting(app: Dashboard, clock: HandClock) -> None:
    frozen(app, clock)
    app.desk.connecting(3)


def venue_stale(app: Dashboard, clock: HandClock) -> None:
    quiet = venue("kraken", pb.STALE, since_ns=EPOCH_NS - 4 * SECOND, reason="silent for 4 s")
    app.desk.received(decode(market(venues=[venue("binance"), quiet]), None))


def disabled(app: Dashboard, clock: HandClock) -> None:
    others = [venue("okx", pb.DISABLED), venue("bybit", pb.UNLISTED)]
    app.desk.received(decode(market(venues=[venue("binance"), *others]), None))


def muted(app: Dashboard, clock: HandClock) -> None:
    live(app, clock)
    app.desk.muted = frozenset({"binance"})


def one_sided(app: Dashboard, clock: HandClock) -> None:
    app.desk.received(decode(book([(641234, {0: 100})], [], [venue("binance")], price_decimals=1), None))


def no_venue(app: Dashboard, clock: HandClock) -> None:
    live(app, clock)
    app.desk.received(decode(market(venues=[venue("binance", pb.GAP, gaps=1), venue("kraken", pb.DOWN)]), None))


def crossed_in_itself(app: Dashboard, clock: HandClock) -> None:
    bids, asks = [(641246, {0: 12000})], [(641234, {0: 7000})]
    app.desk.received(decode(book(bids, asks, [venue("binance")], price_decimals=1), None))


def skewed(app: Dashboard, clock: HandClock) -> None:
    clocks = pb.Clocks(venue_ns=EPOCH_NS + SECOND, received_ns=EPOCH_NS - 12_000_000, sent_ns=EPOCH_NS)
    app.desk.received(decode(market(clocks=clocks), None))


def suspect(app: Dashboard, clock: HandClock) -> None:
    far = venue("kraken")
    far.trust.distance.CopyFrom(
        pb.Distance(ppm=5_000, against="binance", far_since_ns=EPOCH_NS - 9 * SECOND, suspect=True)
    )
    app.desk.received(decode(market(venues=[venue("binance"), far]), None))


def grouped(app: Dashboard, clock: HandClock) -> None:
    """A quote group, one of whose members is not converted."""
    app.desk.ask("BTC/USD~")
    app.desk.received(decode(group(), None))
    trades = [
        trade("BTC/USDT", "kraken", 3, "64130.1", -50),
        trade("BTC/USD", "bitstamp", 9, "64123.3", -90),
        trade("BTC/USDT", "binance", 7, "64130.2", -10),
    ]
    app.desk.trades_came(pb.Trades(trades=trades, sent_ns=EPOCH_NS))


def par(app: Dashboard, clock: HandClock) -> None:
    app.desk.ask("BTC/USD~")
    app.desk.received(decode(group(conversion("USDT"), at_par("USDC"), usdc=pb.LIVE), None))


def controlled(app: Dashboard, clock: HandClock) -> None:
    """What an operator has done, and what the server leaves out."""
    off = venue("okx", pb.DISABLED, reason="disabled by the operator")
    routed = venue(
        "deribit", routed_from="coinbase", left_out="its orders are matched at coinbase, whose book is merged"
    )
    far, out = venue("kraken"), venue("bybit")
    for entry, excluded in ((far, False), (out, True)):
        distance = pb.Distance(ppm=5_000, against="binance", far_since_ns=EPOCH_NS - 9 * SECOND, suspect=True)
        distance.left_out = excluded
        entry.trust.distance.CopyFrom(distance)
    entries = [venue("binance"), venue("coinbase"), off, routed, far, out]
    app.desk.received(decode(market(venues=[venue(entry.trust.venue) for entry in entries]), None))
    app.desk.received(decode(market(venues=entries), None))


def held(app: Dashboard, clock: HandClock) -> None:
    live(app, clock)
    app.draw(everything=True)
    for _ in range(2):
        app.action_act("page.down")


def selected(app: Dashboard, clock: HandClock) -> None:
    live(app, clock)
    app.draw(everything=True)
    for _ in range(3):
        app.action_act("cursor.down")


def stepped(app: Dashboard, clock: HandClock) -> None:
    live(app, clock)
    app.action_act("step.back")


def known(app: Dashboard, clock: HandClock) -> None:
    """Everything that a server can tell."""
    fill(app)
    clock.forward(0.4)


def on(screen: str, scene: Scene = known) -> Scene:
    def show(app: Dashboard, clock: HandClock) -> None:
        scene(app, clock)
        app.show_screen(screen)

    show.__name__ = f"{scene.__name__}-{screen}"
    return show


def page(action: str) -> Scene:
    def show(app: Dashboard, clock: HandClock) -> None:
        known(app, clock)
        app.action_act(action)

    show.__name__ = action
    return show


def shown(name: str, scene: Scene = live, **settings: Any) -> Scene:
    """The same with other settings."""

    def show(app: Dashboard, clock: HandClock) -> None:
        scene(app, clock)
        app.change(**settings)

    show.__name__ = name
    return show


STD, WIDE, MINI = (80, 24), (140, 45), (40, 10)
STATES = (
    *(connecting, waiting, impatient, unreachable, refused, live, stale, frozen, reconnecting, paused, stepped),
    *(venue_stale, disabled, muted, suspect, no_venue, one_sided, crossing, locking, crossed_in_itself, skewed),
    *(held, selected),
)
CASES: list[Any] = [
    pytest.param(scene, size, theme, id=f"{scene.__name__}-{theme}-{size[0]}x{size[1]}")
    for scene, size, theme in [
        *((scene, STD, "dark") for scene in STATES),
        *((scene, STD, "mono") for scene in (live, frozen, crossing, selected)),
        *((live, STD, theme) for theme in ("light", "cvd", "cvd-light", "nord")),
        (locking, STD, "cvd"),
        *((known, WIDE, theme) for theme in ("dark", "light", "cvd", "mono")),
        *((scene, WIDE, "dark") for scene in (unreachable, frozen)),
        *((scene, MINI, "dark") for scene in (live, unreachable, on("venues"), on("symbols"))),
        (live, (40, 8), "dark"),
        (live, (33, 6), "dark"),
        *((on(screen), STD, "dark") for screen in ("depth", "trades", "venues", "health", "log", "symbols")),
        (on("trades", live), STD, "dark"),
        *((scene, size, "dark") for scene in (grouped, par, controlled) for size in (STD, WIDE)),
        *((on("venues", scene), STD, "dark") for scene in (grouped, par, controlled)),
        (on("venues", controlled), WIDE, "dark"),
        (on("trades", grouped), STD, "dark"),
        (on("log", controlled), STD, "dark"),
        (grouped, MINI, "dark"),
        (page("help"), STD, "dark"),
        (page("palette"), STD, "dark"),
        (page("symbol"), STD, "dark"),
        (page("settings"), STD, "dark"),
        (page("venues.pick"), STD, "dark"),
        (page("help"), STD, "mono"),
        (page("palette"), STD, "light"),
        (shown("ascii", known, glyphs=Glyphs.ASCII), WIDE, "dark"),
        (shown("beside", sides=Orientation.BESIDE), STD, "dark"),
        (shown("ladder", rows=RowModel.LADDER), STD, "dark"),
        (shown("swapped", swap=True), STD, "dark"),
    ]
]


@pytest.mark.parametrize(("scene", "size", "theme"), CASES)
def test_picture(
    snap_compare: SnapCompare,
    hand_clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
    scene: Scene,
    size: tuple[int, int],
    theme: str,
) -> None:
    app = dashboard(connect=False, clock=hand_clock, theme=theme)
    # How often a picture is drawn before this one depends on the machine.
    monkeypatch.setattr(app.desk.pace, "figures", lambda: Figures(10.0, 20.0, 20.0, 4_900_000, 5.0))
    monkeypatch.setattr(app.desk.pace, "written", lambda: None)
    monkeypatch.setattr("dashboard.pages.help.version", lambda _: "1.0")

    async def show(pilot: Pilot[None]) -> None:
        scene(app, hand_clock)
        await pilot.pause()
        app.clear_notifications()
        app.draw(everything=True)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=show)
