"""Every key by pilot: what a person sees after pressing it. The table at the end holds that none is forgotten."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from dashboard.app import Dashboard
from dashboard.feed import Failure
from dashboard.keys import ACTIONS
from dashboard.market import decode
from dashboard.pages.alerts import AlertsPage
from dashboard.pages.card import CardPage
from dashboard.pages.chooser import Chooser
from dashboard.pages.help import HelpPage
from dashboard.pages.prompt import Prompt
from dashboard.pages.setting import SettingsPage
from dashboard.pages.venues import VenuesPage
from dashboard.painting import Painting
from dashboard.panels.book import BookPanel
from dashboard.settings import SETTINGS
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import SECOND, HandClock, dashboard, until
from tests.dashboard.fake import EPOCH_NS, market, pair_info, status
from tests.dashboard.test_rows import FOUR

PAIRS = ("BTC/USDT", "ETH/BTC", "SOL/USDT")
Check = Callable[["Seen"], Awaitable[None]]
CHECKS: dict[str, Check] = {}


class Seen:
    """A dashboard on which everything is known, and the eye on it."""

    def __init__(self, app: Dashboard, pilot: Pilot[None], clock: HandClock) -> None:
        self.app, self.pilot, self.clock = app, pilot, clock

    def text(self, name: str = "book") -> str:
        painting = self.app.screen_stack[0].query_one(f"#{name}", Painting)
        return "\n".join(painting.render_line(y).text for y in range(painting.size.height))

    def shown(self, name: str) -> bool:
        return bool(self.app.screen_stack[0].query_one(f"#{name}", Painting).display)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def page(self, kind: type) -> Any:
        assert isinstance(self.app.screen, kind), f"{self.app.screen} is no {kind.__name__}"
        return self.app.screen

    def book(self) -> BookPanel:
        panel = self.app.panels["book"]
        assert isinstance(panel, BookPanel)
        return panel

    def told(self) -> str:
        """What the toasts say."""
        return "\n".join(note.message for note in self.app._notifications)


def fill(app: Dashboard) -> None:
    desk = app.desk
    desk.connecting(1)
    desk.connected()
    for number in range(3):
        desk.received(decode(market(venues=FOUR, mid=6_412_300 + number * 10, sequence=number), None))
    desk.status_came(status(market(venues=FOUR), PAIRS))
    desk.pairs_came(pb.Pairs(pairs=[pair_info(pair) for pair in PAIRS], default_pair=PAIRS[0]))
    trades = [
        pb.Trade(
            venue="binance",
            pair="BTC/USDT",
            price="64123.40",
            amount=amount,
            taker=pb.BUYER,
            sequence=number,
            id=str(number),
            venue_ns=EPOCH_NS,
            received_ns=EPOCH_NS,
        )
        for number, amount in enumerate(("0.5", "2.5"), 1)
    ]
    desk.trades_came(pb.Trades(trades=trades, sent_ns=EPOCH_NS))


@pytest.fixture
async def seen(hand_clock: HandClock, tmp_path: Path) -> Any:
    app = dashboard(connect=False, clock=hand_clock, screenshot_dir=str(tmp_path))
    async with app.run_test(size=(100, 30)) as pilot:
        fill(app)
        await pilot.pause()
        app.draw(everything=True)
        await pilot.pause()
        yield Seen(app, pilot, hand_clock)


def check(*actions: str) -> Callable[[Check], Check]:
    def keep(made: Check) -> Check:
        for action in actions:
            CHECKS[action] = made
        return made

    return keep


@check("pause")
async def pausing(seen: Seen) -> None:
    await seen.press("space")
    assert "PAUSED" in seen.text("header")
    await seen.press("space")
    assert "PAUSED" not in seen.text("header")


@check("step.back", "step.forward")
async def stepping(seen: Seen) -> None:
    assert "64,123.20" in seen.text("header")
    await seen.press("comma")
    assert "64,123.10" in seen.text("header"), "one update back"
    assert "1 updates behind" in seen.text("header")
    await seen.press("comma", "comma")
    assert "64,123.00" in seen.text("header")
    assert "oldest" in seen.told()
    await seen.press("full_stop", "full_stop")
    assert "64,123.20" in seen.text("header")
    await seen.press("full_stop")
    assert "newest" in seen.told()


@check("symbol")
async def switching(seen: Seen) -> None:
    await seen.press("slash")
    seen.page(Chooser)
    await seen.press("s", "o", "l", "enter")
    assert seen.app.desk.feed.view().pair == "SOL/USDT"
    assert seen.app.request.pair == "SOL/USDT"
    assert "64,123" not in seen.text("header"), "nothing of the last pair is shown with this one"
    await seen.press("slash")
    assert "recent" in seen.page(Chooser)._choices[0].about
    await seen.press("ctrl+n", "down", "ctrl+p", "escape")
    assert seen.app.desk.feed.view().pair == "SOL/USDT"


@check("symbol.next", "symbol.previous")
async def beside(seen: Seen) -> None:
    await seen.press("n")
    assert seen.app.desk.feed.view().pair == "ETH/BTC"
    await seen.press("N")
    assert seen.app.desk.feed.view().pair == "BTC/USDT"


@check("reconnect")
async def reconnecting(seen: Seen) -> None:
    seen.app.desk.ended(Failure("UNAVAILABLE", "socket closed"), 2 * SECOND)
    await seen.press("r")
    assert seen.app.stream._retry.is_set()


@check("address")
async def addressing(seen: Seen) -> None:
    await seen.press("A")
    page = seen.page(Prompt)
    page.query_one(Input).value = "nowhere"
    await seen.press("enter")
    assert seen.page(Prompt) is page, "a wrong address is not taken"
    page.query_one(Input).value = "127.0.0.1:1"
    await seen.press("enter")
    assert seen.app.target.address == "127.0.0.1:1"
    assert seen.app.desk.feed.view().address == "127.0.0.1:1"
    assert "Connecting to 127.0.0.1:1" in seen.text()


@check("cursor.down", "cursor.up", "close")
async def selecting(seen: Seen) -> None:
    await seen.press("j")
    assert "BID 1" in seen.text("pressure")
    await seen.press("down")
    assert "BID 2" in seen.text("pressure")
    await seen.press("k", "up")
    assert "ASK 1" in seen.text("pressure")
    await seen.press("escape")
    assert "ask" in seen.text("pressure")
    assert "ASK" not in seen.text("pressure")
    await seen.press("4", "escape")
    assert seen.shown("book"), "from a screen back to the book"
    await seen.press("escape", "escape")
    assert seen.app.is_running


@check("top", "bottom")
async def ends(seen: Seen) -> None:
    await seen.press("g")
    first = seen.book().picture
    assert first is not None
    depth = seen.app.desk.depth
    assert f"ASK {depth}" in seen.text("pressure")
    await seen.press("G")
    assert f"BID {depth}" in seen.text("pressure")


@check("page.down", "page.up", "centre")
async def scrolling(seen: Seen) -> None:
    await seen.press("pagedown")
    assert "HELD" in seen.text()
    await seen.press("c")
    assert "AUTO" in seen.text()
    await seen.press("ctrl+u")
    assert "HELD" in seen.text()
    await seen.press("escape")
    assert "AUTO" in seen.text()


@check("side.left", "side.right", "orient")
async def sides(seen: Seen) -> None:
    await seen.press("backslash")
    assert "│" in seen.text()
    await seen.press("j", "l")
    assert "ASK 1" in seen.text("pressure")
    await seen.press("h")
    assert "BID 1" in seen.text("pressure")
    await seen.press("backslash")
    assert "│" not in seen.text()
    await seen.press("2", "l")
    assert "ask" in seen.text("depth").splitlines()[0], "the crosshair's figures"
    await seen.press("h")
    assert "bid" in seen.text("depth").splitlines()[0]
    await seen.press("escape")
    assert "bid" not in seen.text("depth").splitlines()[0]


@check("inspect")
async def inspecting(seen: Seen) -> None:
    await seen.press("enter")
    assert "no level is selected" in seen.told()
    await seen.press("j", "enter")
    card = seen.page(CardPage).query_one("#card", Painting)
    assert "BID 1" in card.render_line(0).text
    await seen.press("escape")
    await seen.press("6", "j", "enter")
    assert seen.app.desk.feed.view().pair == "ETH/BTC"
    await seen.press("4", "enter")
    assert seen.app.desk.solo == "", "no venue is known of a pair without a book"


@check("autocentre")
async def auto(seen: Seen) -> None:
    await seen.press("C")
    assert "FIXED" in seen.text()


@check("group.coarser", "group.finer", "group.tick")
async def grouping(seen: Seen) -> None:
    before = seen.text()
    await seen.press("plus", "equals_sign")
    assert seen.app.desk.settings.group == {"BTC/USDT": 5}
    assert seen.text() != before
    await seen.press("minus")
    assert seen.app.desk.settings.group == {"BTC/USDT": 2}
    await seen.press("0")
    assert seen.app.desk.settings.group == {}
    assert seen.text() == before
    await seen.press("2")
    whole = seen.text("depth")
    await seen.press("minus")
    assert seen.text("depth") != whole
    await seen.press("plus", "0")
    assert seen.text("depth") == whole


@check("depth.more", "depth.fewer")
async def deeper(seen: Seen) -> None:
    await seen.press("d")
    assert seen.app.request.levels == 100
    assert seen.app.stream._asked, "another book is asked for"
    await seen.press("D", "D")
    assert seen.app.request.levels == 25


@check("total")
async def totals(seen: Seen) -> None:
    assert "TOTAL" in seen.text()
    await seen.press("t")
    assert seen.app.desk.settings.totals == "cumulative"
    await seen.press("t")
    assert "TOTAL" not in seen.text()


@check("bars")
async def bars(seen: Seen) -> None:
    await seen.press("b", "b")
    assert seen.app.desk.settings.bars == "off"
    picture = seen.book().picture
    assert picture is not None
    assert not any(row.fill for row in picture.rows)


@check("bars.scale")
async def scale(seen: Seen) -> None:
    await seen.press("B")
    assert seen.app.desk.settings.scale == "side"


@check("unit")
async def unit(seen: Seen) -> None:
    assert "SIZE BTC" in seen.text()
    await seen.press("u")
    assert "SIZE USDT" in seen.text()


@check("venues.cols")
async def columns(seen: Seen) -> None:
    assert "VENUE" in seen.text()
    await seen.press("v", "v", "v")
    assert seen.app.desk.settings.columns == "off"
    assert "VENUE" not in seen.text()


@check("venues.pick")
async def picking(seen: Seen) -> None:
    await seen.press("V")
    page = seen.page(VenuesPage)
    await seen.press("space")
    assert "○ muted" in page.query_one("#who", Painting).render_line(0).text
    assert "○ muted" in seen.text("header")
    await seen.press("a", "j", "enter")
    assert seen.app.desk.solo == "kraken"
    await seen.press("k", "enter", "a", "escape")
    assert (seen.app.desk.solo, seen.app.desk.muted) == ("", frozenset())


@check("rowmodel")
async def rowmodel(seen: Seen) -> None:
    await seen.press("M")
    assert seen.app.desk.settings.rows == "ladder"
    await seen.press("backslash")
    assert "M goes back" in seen.told()
    await seen.press("M")
    assert seen.app.desk.settings.rows == "book"


@check("net")
async def fees(seen: Seen) -> None:
    await seen.press("F")
    assert seen.app.request.net_of_fees
    assert seen.app.stream._asked
    await seen.press("F")
    assert not seen.app.request.net_of_fees


@check("overlay")
async def overlay(seen: Seen) -> None:
    await seen.press("2")
    before = seen.text("depth")
    await seen.press("o")
    assert seen.text("depth") != before


@check("copy", "copy.best")
async def copying(seen: Seen) -> None:
    await seen.press("y")
    assert seen.app.clipboard.startswith("side\tprice\tsize")
    await seen.press("Y")
    assert "BTC/USDT bid 64123.10x" in seen.app.clipboard
    await seen.press("3", "y")
    assert seen.app.clipboard.startswith("time\tside")
    assert "copied the trades in sight" in seen.told()


@check("aggregate")
async def aggregate(seen: Seen) -> None:
    await seen.press("3")
    assert "×2" in seen.text("trades")
    await seen.press("a")
    assert "×2" not in seen.text("trades")


@check("filter")
async def filtering(seen: Seen) -> None:
    await seen.press("3", "a", "f")
    page = seen.page(Prompt)
    page.query_one(Input).value = "much"
    await seen.press("enter")
    seen.page(Prompt)
    page.query_one(Input).value = "1"
    await seen.press("enter")
    assert "2.5" in seen.text("trades")
    assert "0.5000" not in seen.text("trades")


@check("alerts", "alerts.acknowledge")
async def alerting(seen: Seen) -> None:
    await seen.press("exclamation_mark")
    page = seen.page(AlertsPage)
    await seen.press("enter", "s", "a")
    seen.page(Prompt).query_one(Input).value = "spread >= 5"
    await seen.press("enter")
    seen.page(Prompt)
    seen.page(Prompt).query_one(Input).value = "venue any warn"
    await seen.press("enter")
    assert seen.app.desk.settings.alerts == ("venue any warn",)
    await until(lambda: seen.app.desk.alerts.badge is not None)
    await seen.press("enter")
    seen.page(Prompt).query_one(Input).value = "venue any alarm"
    await seen.press("enter")
    seen.app.desk.watch()
    assert seen.app.desk.alerts.badge is not None
    assert "venue any" in page.query_one("#rules", Painting).render_line(0).text
    await seen.press("j", "k", "x", "s", "d", "escape")
    assert not seen.app.desk.settings.alerts
    seen.app.change(alerts=("feed stale alarm",))
    seen.clock.forward(6)
    seen.app.desk.watch()
    await seen.press("2", "1")
    assert "!1" in seen.text("header")
    assert "stale" in seen.told()
    await seen.press("x")
    assert "!1" not in seen.text("header")
    await seen.press("e")
    assert "alert: feed stale" in seen.text("log")


@check("sort")
async def sorting(seen: Seen) -> None:
    await seen.press("6", "s")
    assert "BP▼" in seen.text("symbols")


@check("screen.1", "screen.2", "screen.3", "screen.4", "screen.5", "screen.6", "log")
async def screens(seen: Seen) -> None:
    for key, name in zip("234561", ("depth", "trades", "venues", "health", "symbols", "book"), strict=True):
        await seen.press(key)
        assert [panel for panel in seen.app.panels if seen.shown(panel)] == [name]
    await seen.press("e")
    assert "okx down" in seen.text("log")
    await seen.press("g", "G", "j", "k", "e")
    assert seen.shown("book")


@check("focus.next", "focus.previous", "maximise")
async def focus(seen: Seen) -> None:
    await seen.pilot.resize_terminal(140, 45)
    await seen.pilot.pause()
    assert [name for name in seen.app.panels if seen.shown(name)] == ["book", "venues", "depth", "trades", "health"]
    await seen.press("tab")
    assert seen.app.focused_panel == "venues"
    await seen.press("m")
    assert [name for name in seen.app.panels if seen.shown(name)] == ["venues"]
    await seen.press("m")
    assert seen.shown("book")
    await seen.press("shift+tab", "m", "escape")
    assert seen.app.focused_panel == "book"
    assert seen.shown("venues")


@check("help")
async def helping(seen: Seen) -> None:
    await seen.press("question_mark")
    seen.page(HelpPage)
    await seen.press("pagedown", "j", "k", "escape", "f1")
    seen.page(HelpPage)


@check("palette")
async def palette(seen: Seen) -> None:
    await seen.press("colon")
    seen.page(Chooser)
    await seen.press(*"theme nord", "enter")
    assert seen.app.desk.settings.theme == "nord"
    await seen.press("ctrl+p", *"eth", "enter")
    assert seen.app.desk.feed.view().pair == "ETH/BTC"
    await seen.press("ctrl+p", *"qzqz", "enter", "escape", "colon", *"happened", "enter")
    assert seen.shown("log")


@check("settings")
async def setting(seen: Seen) -> None:
    await seen.press("semicolon")
    page = seen.page(SettingsPage)
    await seen.press("l")
    assert seen.app.desk.settings.theme == "light"
    await seen.press("h", "h")
    assert seen.app.desk.settings.theme == "mono"
    await seen.press("enter")
    prompt = seen.page(Prompt)
    prompt.query_one(Input).value = "dracula"
    await seen.press("enter")
    assert seen.app.desk.settings.theme == "dracula"
    names = [entry.name for entry in SETTINGS]
    await seen.press(*["j"] * names.index("fps"), "enter")
    seen.page(Prompt).query_one(Input).value = "61"
    await seen.press("enter")
    seen.page(Prompt).query_one(Input).value = "7"
    await seen.press("enter")
    assert seen.app.desk.settings.fps == 7.0
    assert "fps" in page.query_one("#settings", Painting).render_line(page._place + 1).text
    await seen.press("k", "escape")
    assert not isinstance(seen.app.screen, SettingsPage)


@check("theme")
async def theming(seen: Seen) -> None:
    for name in ("light", "cvd", "cvd-light", "mono", "dark"):
        await seen.press("T")
        assert seen.app.desk.settings.theme == name
        assert seen.app.wardrobe.look.name == name


@check("screenshot")
async def shooting(seen: Seen) -> None:
    folder = Path(seen.app.desk.settings.screenshot_dir)
    await seen.press("P")
    (svg,) = folder.glob("onebook-BTCUSDT-*Z.svg")
    assert "64,123" in svg.read_text(encoding="utf-8")
    assert "LIVE" in svg.read_text(encoding="utf-8")
    seen.app.change(screenshot_dir=str(folder / "none"))
    await seen.press("P")
    await until(lambda: "no picture" in seen.told())


@check("suspend")
async def suspending(seen: Seen) -> None:
    called: list[bool] = []
    seen.app.action_suspend_process = lambda: called.append(True)  # type: ignore[method-assign]
    await seen.press("ctrl+z")
    assert called
    frames = seen.app.frames
    seen.app.app_resume_signal.publish(seen.app)
    await until(lambda: seen.app.frames > frames, "a picture on coming back")


@check("quit")
async def quitting(seen: Seen) -> None:
    await seen.press("q")
    assert seen.app.return_code == 0


@pytest.mark.parametrize("made", dict.fromkeys(CHECKS.values()), ids=lambda made: made.__name__)
async def test_key(seen: Seen, made: Check) -> None:
    await made(seen)


def test_no_key_is_forgotten() -> None:
    assert set(CHECKS) == {action.id for action in ACTIONS}
