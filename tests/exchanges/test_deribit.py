"""The rules of Deribit's books, one table or test each. Requests and catalog have a file of their own."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from book import State
from exchanges.actions import Reconnect
from tests.exchanges.deribit_frames import (
    ASKS,
    BIDS,
    CHANNEL,
    MILLISECONDS,
    OTHER,
    SYMBOL,
    DeribitDesk,
    change,
    deribit,
    live,
    message,
    rest_book,
    whole,
)
from tests.exchanges.desk import Desk

RENEWAL = [("public/unsubscribe", [CHANNEL]), ("public/subscribe", [CHANNEL])]
WIDE = "100000000000000"


def gaps(desk: Desk) -> tuple[int, int, int]:
    """Gaps, ignored and unreadable messages."""
    counters = desk.book.counters
    return counters.gaps, counters.ignored, counters.garbage


def test_a_book_begins_with_the_whole_of_it() -> None:
    """Live at its `change_id`, with its time, and known to the last level."""
    desk = DeribitDesk(deribit()).open()
    assert (desk.state, desk.book.reason) == (State.SYNCING, "subscribing")
    desk.frame(whole(136725660010, [(61250.0, 0.75), (61248.0, 0.1)], [(61251.0, 0.025)]))
    assert (desk.book.state, desk.book.position) == (State.LIVE, 136725660010)
    assert desk.levels() == (((61250.0, 0.75), (61248.0, 0.1)), ((61251.0, 0.025),))
    assert desk.book.stamps.venue_ns == MILLISECONDS * 10**6
    assert (desk.book.bids.horizon, desk.book.asks.horizon) == (None, None)


@pytest.mark.parametrize(
    "before", [{}, {"prev_change_id": None}, {"prev_change_id": 5}], ids=["absent", "null", "an id"]
)
def test_what_a_whole_book_says_of_its_predecessor(before: Any) -> None:
    """Nothing, or null, or something: it does not matter."""
    desk = DeribitDesk(deribit()).open()
    desk.frame(whole(100, **before))
    assert desk.state is State.LIVE


def test_an_empty_book() -> None:
    """An instrument that nobody has ever traded has a book without levels, at 0."""
    desk = DeribitDesk(deribit()).open()
    desk.frame(whole(0, (), ()))
    assert (desk.state, desk.levels()) == (State.LIVE, ((), ()))
    desk.frame(change(0, 77, [("new", 1.5, 2)]))
    assert (desk.book.position, desk.levels()[0]) == (77, ((1.5, 2.0),))


@pytest.mark.parametrize(
    ("bids", "asks", "shown"),
    [
        ([("new", 99.5, 2.0)], [], (((100.0, 1.0), (99.5, 2.0)), ASKS)),
        ([("change", 100.0, 0.5)], [], (((100.0, 0.5),), ASKS)),
        ([], [("delete", 101.0, 0.0)], (BIDS, ())),
        ([("delete", 100.0, 7.0)], [], ((), ASKS)),  # whatever it says of the amount
        ([("delete", 55.0, 0.0)], [], (BIDS, ASKS)),  # of a level that is not there
        ([("change", 98.0, 3.0)], [], (((100.0, 1.0), (98.0, 3.0)), ASKS)),  # likewise
        ([("new", 100.0, 4.0)], [], (((100.0, 4.0),), ASKS)),  # of one that is
        ([("change", 100.0, 0.0)], [], ((), ASKS)),  # no amount, no level
        ([("delete", 100.0, 0.0), ("new", 100.0, 9.0)], [], (((100.0, 9.0),), ASKS)),  # in their order
        ([("new", 100.5, 1.0), ("delete", 100.0, 0.0)], [("new", 102.0, 1)], (((100.5, 1),), (*ASKS, (102.0, 1)))),
        ([], [], (BIDS, ASKS)),
    ],
)  # fmt: skip
def test_verbs(bids: Any, asks: Any, shown: Any) -> None:
    """`new` and `change` set the amount at a price, `delete` removes it; the id moves on."""
    desk = live()
    desk.frame(change(100, 142, bids, asks))
    assert (desk.state, desk.book.position, desk.levels()) == (State.LIVE, 142, shown)
    assert gaps(desk) == (0, 0, 0)


def test_a_removal_of_a_level_that_is_not_there_is_counted() -> None:
    """The ids prove that nothing is missing: it is tolerated."""
    desk = live()
    desk.frame(change(100, 101, [("delete", 55.0, 0.0)]))
    assert desk.book.counters.unknown_removals == 1


@pytest.mark.parametrize(
    ("before", "position", "outcome"),
    [
        (100, 101, "applied"),
        (100, 900, "applied"),  # the ids jump
        (100, 100, "applied"),
        (101, 102, "gap"),
        (99, 102, "gap"),
        (None, 101, "gap"),  # nothing proves that it follows
        (0, 101, "gap"),
        (99, 100, "ignored"),  # the change that brought us here, again
        (98, 99, "gap"),  # an older one, which a stream cannot bring
    ],
)
def test_continuity(before: Any, position: int, outcome: str) -> None:
    """`prev_change_id` must be the id of the book."""
    desk = live()
    desk.frame(change(before, position, [("new", 100.5, 3.0)]))
    assert desk.book.bids.best() == {"applied": 100.5, "ignored": 100.0, "gap": None}[outcome]
    assert gaps(desk) == (outcome == "gap", outcome == "ignored", 0)
    assert desk.asked() == (RENEWAL if outcome == "gap" else [])
    if outcome == "gap":
        assert desk.state is State.GAP
        assert desk.book.reason == f"change {position} follows {before}, the book stands at 100"


def test_a_gap_is_healed_by_a_new_subscription() -> None:
    """The book is hidden, the rest of the old stream is passed over, and the next whole book is believed."""
    desk = live()
    desk.frame(change(105, 110))
    desk.frame(change(110, 115, [("new", 50.0, 1.0)]))
    assert (desk.state, desk.levels(), desk.asked()) == (State.GAP, ((), ()), RENEWAL)
    desk.reply()
    assert desk.state is State.GAP
    desk.frame(whole(120, [(99.0, 2.0)]))
    assert (desk.book.state, desk.book.position) == (State.LIVE, 120)
    desk.frame(change(120, 121, [("new", 99.5, 1.0)]))
    assert desk.levels()[0] == ((99.5, 1.0), (99.0, 2.0))
    assert (desk.book.counters.resyncs, gaps(desk)) == (1, (1, 0, 0))


def test_a_gap_hits_one_book_only() -> None:
    """The others of the connection stay live, and are not asked for again."""
    desk = live(SYMBOL, OTHER)
    desk.frame(change(101, 102, symbol=OTHER))
    assert (desk.books[SYMBOL].state, desk.books[OTHER].state) == (State.LIVE, State.GAP)
    assert desk.asked() == [(method, [f"book.{OTHER}.100ms"]) for method, _ in RENEWAL]


def test_a_whole_book_replaces_a_live_one() -> None:
    """At whatever id: a new subscription has begun."""
    desk = live()
    desk.frame(whole(90, [(55.0, 1.0)]))
    assert (desk.state, desk.book.position, desk.levels()[0]) == (State.LIVE, 90, ((55.0, 1.0),))
    desk.frame(change(90, 91))
    assert (desk.book.position, gaps(desk)) == (91, (0, 0, 0))


def test_changes_before_the_whole_book_mean_nothing() -> None:
    """They should not come, and are passed over."""
    desk = DeribitDesk(deribit()).open()
    desk.frame(change(99, 100, [("new", 1.0, 1.0)]))
    assert (desk.state, gaps(desk), desk.asked()) == (State.SYNCING, (0, 0, 0), [])


def test_keys_in_another_order() -> None:
    """The order of names in JSON means nothing."""
    desk = live()
    frame = msgspec.json.decode(change(100, 101, [("new", 100.5, 1.0)]))
    params = dict(reversed(frame["params"].items()))
    desk.frame(msgspec.json.encode({"params": params, "method": "subscription", "jsonrpc": "2.0"}))
    assert (desk.book.position, desk.levels()[0][0]) == (101, (100.5, 1.0))


@pytest.mark.parametrize(
    "frame",
    [
        message([{"price": 1.0, "amount": 1.0, "trade_seq": 5}], f"trades.{SYMBOL}.100ms"),
        message({"timestamp": 1, "best_bid_price": 5}, f"quote.{SYMBOL}"),
        whole(7, symbol="SOL_USDC"),  # a book that we did not ask for
        change(7, 8, symbol="SOL_USDC"),
    ],
)
def test_what_is_none_of_our_business(frame: bytes) -> None:
    """Other channels and other books change nothing."""
    desk = live()
    assert desk.frame(frame) == []
    assert (desk.state, desk.book.position, gaps(desk)) == (State.LIVE, 100, (0, 0, 0))


NOT_NUMBERS = ["NaN", "-1", '"x"', "[]", "{}", "-1e-9", "1e999", "true", "1.5e300"]
WRONG = [(place, number) for place in ("price", "amount", "id", "before") for number in NOT_NUMBERS]
WRONG += [("price", "1e15"), ("amount", "1e15"), ("price", "null"), ("amount", "null"), ("id", "null"), ("id", "1.5")]


@pytest.mark.parametrize("wide", [False, True], ids=["float", "Decimal"])
@pytest.mark.parametrize(("place", "number"), WRONG)
def test_wrong_numbers(place: str, number: str, wide: bool) -> None:
    """A number that is none takes its message with it: that book, and no other, is begun anew."""
    desk = live(SYMBOL, OTHER, position=177, max_price=WIDE if wide else None)
    told: dict[str, Any] = {"price": 100.5, "amount": 2.5, "id": 242, "before": 177}
    frame = change(told["before"], told["id"], [("new", told["price"], told["amount"])])
    desk.frame(frame.replace(msgspec.json.encode(told[place]), number.encode()))
    assert (desk.books[SYMBOL].state, desk.books[OTHER].state) == (State.GAP, State.LIVE)
    assert desk.book.reason == "a message could not be read"
    assert (gaps(desk), desk.books[OTHER].counters.garbage) == ((1, 0, 1), 0)
    assert desk.asked() == RENEWAL


@pytest.mark.parametrize("price", ["0", "0.0", "-0"])
def test_a_price_of_nothing(price: str) -> None:
    """No level has it."""
    desk = live()
    desk.frame(change(100, 142, [("new", 100.5, 2.5)]).replace(b"100.5", price.encode()))
    assert desk.state is State.GAP


@pytest.mark.parametrize(
    "frame",
    [
        change(100, 101).replace(b'"type":"change"', b'"type":"other"'),
        change(100, 101).replace(b'"type":"change",', b""),
        change(100, 101, [("grow", 100.0, 1.0)]),
        change(100, 101).replace(b'"change_id":101,', b""),
        change(100, 101).replace(b'"bids":[]', b'"bids":{}'),
        change(100, 101).replace(b'"bids":[],', b""),
        change(100, 101)[:-9],
        change(100, 101, symbol=SYMBOL).replace(f'"instrument_name":"{SYMBOL}"'.encode(), b'"instrument_name":"X"'),
        change(100, 99),  # ids that run backwards
        change(100, 101, timestamp=-1),
        change(100, 101, timestamp=10**16),
        change(100, 101, [("new", 100.0)]),  # type: ignore[list-item]
        message([], CHANNEL),
        message(None, CHANNEL),
        b'{"channel":"' + CHANNEL.encode() + b'"}',
    ],
    ids=range(15),
)
def test_garbage_that_names_its_book(frame: bytes) -> None:
    """It took something from that book, which is begun anew; the others go on."""
    desk = live(SYMBOL, OTHER)
    desk.frame(frame)
    assert (desk.books[SYMBOL].state, desk.books[OTHER].state) == (State.GAP, State.LIVE)
    assert (desk.book.counters.garbage, desk.books[OTHER].counters.garbage) == (1, 0)
    assert desk.asked() == RENEWAL


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"{", b"null", b"[1]", b"\xff\xfe", b"[" * 100_000, b"{}", b'{"method":5}', b'{"method":["heartbeat"]}',
        b'{"method":"subscription","params":[]}', b'{"channel":"book.NOBODY.100ms"', b'{"params":{"channel":"book.',
        whole(1, symbol="NOBODY")[:-9],
    ],
    ids=range(13),
)  # fmt: skip
def test_garbage_that_may_be_anybodys(frame: bytes) -> None:
    """It is counted; the books are true where they stand, and the next change's id will tell."""
    desk = live(SYMBOL, OTHER)
    assert desk.frame(frame) == []
    assert {book.state for book in desk.books.values()} == {State.LIVE}
    assert [book.counters.garbage for book in desk.books.values()] == [1, 1]
    desk.frame(change(100, 101))
    desk.frame(change(101, 102, symbol=OTHER))
    assert (desk.books[SYMBOL].state, desk.books[OTHER].state) == (State.LIVE, State.GAP)


def test_garbage_while_a_whole_book_is_awaited() -> None:
    """It may have been that book: asked for again at once, but within the pace."""
    desk = DeribitDesk(deribit()).open()
    desk.frame(whole(100)[:-9])
    assert (desk.state, desk.book.counters.garbage, desk.asked()) == (State.SYNCING, 1, RENEWAL)
    desk.sent.clear()
    desk.frame(whole(100)[:-9])
    desk.expire("snapshot")
    assert desk.asked() == [], "it waits for the next second, and is not late"
    desk.expire("renew")
    assert desk.asked() == RENEWAL


def test_decimals() -> None:
    """Where a double would not do, numbers are decimals, exact to the last digit, however they are written."""
    desk = live(max_price=WIDE)
    price, amount = Decimal("12345678901234.12345678"), Decimal("0.1")
    desk.frame(change(100, 101, [("new", price, amount), ("delete", 100.0, 0.0)], [("delete", 101.0, 0.0)]))
    assert desk.levels()[0] == ((price, amount),)
    assert isinstance(desk.levels()[0][0][1], Decimal)
    desk.frame(change(101, 102, [("delete", price, 0.0)], [("new", Decimal("2.2E+3"), 1)]))
    assert desk.levels() == ((), ((Decimal(2200), Decimal(1)),))
    desk.frame(change(102, 103, (), [("change", Decimal("2200.00"), 0)]))
    assert desk.levels() == ((), ())


def test_exponents() -> None:
    """2.2e3 is 2200, and 1e-05 a price."""
    desk = live()
    desk.frame(change(100, 101, [("new", 1e-05, 2)], [("new", 2200.0, 1)]).replace(b"2200.0", b"2.2e3"))
    assert desk.levels()[1][-1] == (2200.0, 1.0)
    assert desk.levels()[0][-1] == (0.00001, 2.0)


def test_a_quiet_market_is_confirmed() -> None:
    """No change for five seconds: a REST book at the same id vouches for ours."""
    desk = live()
    desk.expire("probe")
    fetch = desk.fetches[-1]
    assert fetch.path == f"/api/v2/public/get_order_book?instrument_name={SYMBOL}&depth=1000"
    assert (fetch.weight, fetch.levels, fetch.probe) == (500, 1000, True)
    desk.answer(rest_book(100))
    assert (desk.state, desk.book.counters.audits_passed) == (State.LIVE, 1)


def test_a_wrong_book_is_found() -> None:
    """At the same id, another amount: begun anew."""
    desk = live()
    desk.expire("probe")
    desk.answer(rest_book(100, [(100.0, 2.0)]))
    assert (desk.state, desk.book.counters.audits_failed, desk.asked()) == (State.GAP, 1, RENEWAL)


def test_an_order_that_came_and_went_does_not_condemn_a_quiet_book() -> None:
    """The REST book's id has risen, its levels are ours: the stream had nothing to say."""
    desk = live()
    desk.expire("probe")
    desk.answer(rest_book(142))
    desk.expire("probe due")
    assert (desk.state, desk.book.position, desk.book.counters.audits_passed) == (State.LIVE, 100, 1)


def test_a_dead_stream_is_found() -> None:
    """The REST book has other levels, and the stream does not follow: hidden, and subscribed anew."""
    desk = live()
    desk.expire("probe")
    desk.answer(rest_book(142, [(100.0, 2.0)]))
    desk.expire("probe due")
    assert (desk.state, desk.asked()) == (State.STALE, RENEWAL)
    desk.frame(whole(142, [(100.0, 2.0)]))
    desk.expire("probe")
    desk.answer(rest_book(150, [(100.0, 3.0)]))
    actions = desk.expire("probe due")
    assert [action.overlap for action in actions if isinstance(action, Reconnect)] == [True]


@pytest.mark.parametrize("wide", [False, True], ids=["float", "Decimal"])
def test_only_what_a_rest_book_knows_is_compared(wide: bool) -> None:
    """With as many levels as were asked for, it may end before ours does."""
    bids = [(1000.0 - number / 4, 1.0) for number in range(1200)]
    asks = [(2000.0 + number / 4, 1.0) for number in range(1200)]
    desk = DeribitDesk(deribit(max_price=WIDE if wide else None)).open()
    desk.frame(whole(100, bids, asks))
    desk.expire("probe")
    desk.answer(rest_book(100, bids[:1000], asks[:1000]))
    assert (desk.state, desk.book.counters.audits_passed) == (State.LIVE, 1)


@pytest.mark.parametrize("wide", [False, True], ids=["float", "Decimal"])
@pytest.mark.parametrize(
    "body",
    [
        b"<html>", b"{}", b'{"result":{}}', b'{"result":"ok"}', rest_book(100, [(-1.0, 1.0)]), rest_book(-1),
        b'{"error":{"code":-32602}}', rest_book(100, [(100.0, 1.0)], [("NaN", 1.0)]),
    ],
    ids=range(8),
)  # fmt: skip
def test_a_rest_book_that_is_none(body: bytes, wide: bool) -> None:
    """It neither confirms nor condemns."""
    desk = live(max_price=WIDE if wide else None)
    desk.expire("probe")
    desk.answer(body)
    assert (desk.state, desk.book.counters.audits_passed, desk.book.counters.garbage) == (State.LIVE, 0, 1)
