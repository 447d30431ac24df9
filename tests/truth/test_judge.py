"""The judge must find each way in which a message can lie, or its verdict would be worth nothing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs
from tests.truth.court import VENUES, Court, channel_to, court
from tests.truth.faces import PAIRS
from tests.truth.judge import SLACK_S, STALE_S, Judge
from tests.truth.record import BookName, Record
from tests.truth.tapes import still_tape

PAIR = PAIRS[0]
LEVELS = 10
THRESHOLD_NS = int((STALE_S + SLACK_S) * 1e9)


class Stage:
    """Honest messages of a real server, and the tapes to judge them by."""

    def __init__(self, made: Court, books: list[pb.Book], summaries: list[pb.Summary]) -> None:
        self.tapes = {face: made.tapes[BookName(face, PAIR)] for face in VENUES}
        self.books = books
        self.summaries = summaries

    async def judged(self, *messages: pb.Book | pb.Summary, levels: int = LEVELS) -> Counter[str]:
        """The kinds of findings in messages that follow each other."""
        record = Record()
        judge = Judge(record, self.tapes, PAIR, levels, by_price=isinstance(messages[0], pb.Book))
        for message in messages:
            await (judge.book(message) if isinstance(message, pb.Book) else judge.summary(message))
        return record.counts


@pytest.fixture(scope="module")
def stage() -> Any:
    """One session for all lies; it is over before they are told, so that nothing depends on time."""

    async def record() -> Stage:
        async with court(pairs=[PAIR], seed="lies") as made:
            await made.until(lambda: made.record.seen["updates"] > 10, "updates")
            async with channel_to(made.port) as channel:
                market = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
                old = stubs.OrderbookAggregatorStub(channel)  # type: ignore[no-untyped-call]
                books = await _take(market.StreamBook(pb.BookRequest(levels=LEVELS)), _both_live)
                summaries = await _take(old.BookSummary(pb.Empty()), _both_live)
            await made.until(
                lambda: all(tape.public > 0 and tape.changes for tape in made.tapes.values()), "the true changes"
            )
            await asyncio.sleep(1.0)  # until the tapes are past the last message
            assert not made.record.findings, list(made.record.findings)[:3]
            return Stage(made, books, summaries)

    return asyncio.run(record())


async def _take(stream: AsyncIterator[Any], wanted: Callable[[Any], bool], count: int = 12) -> list[Any]:
    """The first messages that are wanted."""
    found: list[Any] = []
    async for message in stream:
        if wanted(message) or found:
            found.append(message)
        if len(found) == count:
            return found
    raise AssertionError("the stream has ended")


def _both_live(message: Any) -> bool:
    trusts = [each.trust if isinstance(each, pb.VenueBook) else each for each in message.venues]
    return not message.heartbeat and all(trust.state == pb.LIVE for trust in trusts) and len(message.bids) == LEVELS


def _copy(message: Any) -> Any:
    copied = type(message)()
    copied.CopyFrom(message)
    return copied


async def test_honest_messages_pass(stage: Stage) -> None:
    """No finding in what the server really said."""
    assert await stage.judged(*stage.books) == {}
    assert await stage.judged(*stage.summaries) == {}


def _amount(book: pb.Book) -> None:
    book.bids[3].amounts[0].amount += 1


def _price(book: pb.Book) -> None:
    book.asks[9].price += 1


def _missing(book: pb.Book) -> None:
    del book.asks[5]


def _foreign(book: pb.Book) -> None:
    shown = {each.venue for level in book.bids for each in level.amounts}
    book.venues[min(shown)].trust.state = pb.DOWN
    book.venues[min(shown)].trust.reason = "a test"


def _order(book: pb.Book) -> None:
    book.bids.reverse()


def _sides(book: pb.Book) -> None:
    bids, asks = list(book.bids), list(book.asks)
    del book.bids[:], book.asks[:]
    book.bids.extend(asks)
    book.asks.extend(bids)


def _spread(book: pb.Book) -> None:
    book.spread += 1


def _best(book: pb.Book) -> None:
    book.venues[0].best_bid += 1


def _age(book: pb.Book) -> None:
    book.venues[0].trust.age_ns += 1


def _reason(book: pb.Book) -> None:
    book.venues[1].trust.state = pb.GAP


def _unlisted(book: pb.Book) -> None:
    del book.venues[1]


def _empty_venue(book: pb.Book) -> None:
    """A live venue whose levels are left out."""
    for side in (book.bids, book.asks):
        for level in side:
            kept = [each for each in level.amounts if each.venue != 0]
            del level.amounts[:]
            level.amounts.extend(kept)


LIES: list[tuple[Callable[[pb.Book], None], set[str]]] = [
    (_amount, {"wrong"}),
    (_price, {"extra", "missing"}),
    (_missing, {"missing"}),
    (_foreign, {"foreign"}),
    (_order, {"order"}),
    (_sides, {"order", "extra"}),
    (_spread, {"spread"}),
    (_best, {"trust"}),
    (_age, {"trust"}),
    (_reason, {"trust", "foreign"}),
    (_unlisted, {"trust"}),
    (_empty_venue, {"missing"}),
]


@pytest.mark.parametrize(("lie", "kinds"), LIES, ids=[lie.__name__.strip("_") for lie, _ in LIES])
async def test_a_lie_in_a_book_is_found(stage: Stage, lie: Callable[[pb.Book], None], kinds: set[str]) -> None:
    """Whatever one message says wrongly."""
    told = _copy(stage.books[0])
    lie(told)
    found = await stage.judged(told)
    assert kinds <= found.keys(), found


async def test_a_position_that_never_was_is_found(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ahead of the venue for good, or before everything that is kept."""
    monkeypatch.setattr("tests.truth.tape.REACH_S", 0.1)
    for tape in stage.tapes.values():
        tape._moved = asyncio.Event()  # that of the session belongs to a loop that is over
    for shift in (10**12, -(10**9)):
        told = _copy(stage.books[0])
        told.venues[0].trust.position += shift
        assert (await stage.judged(told))["position"]


async def test_a_position_that_is_not_that_of_the_levels_is_found(stage: Stage) -> None:
    """Levels of one moment under the position of another."""
    early, late = stage.books[0], stage.books[-1]
    told = _copy(early)
    for mine, other in zip(told.venues, late.venues, strict=True):
        mine.trust.position = other.trust.position
    found = await stage.judged(told)
    assert found.keys() & {"wrong", "missing", "extra"}, found


async def test_an_old_level_published_as_live_is_found(stage: Stage) -> None:
    """The truth has moved on for longer than the threshold; a moment less is no fault."""
    told = _copy(stage.books[0])
    lacking = [stage.tapes[each.trust.venue].first_after(each.trust.position) for each in told.venues]
    assert all(lacking)
    oldest_ns = min(change.time_us for change in lacking if change) * 1000
    for late_ns, stale in ((-(10**8), 0), (10**8, 1)):
        sent_ns = oldest_ns + THRESHOLD_NS + late_ns
        told.clocks.sent_ns = sent_ns
        for each in told.venues:
            each.trust.age_ns = sent_ns - each.trust.received_ns
        assert ((await stage.judged(told))["stale"] > 0) == bool(stale)


async def test_a_quiet_book_is_not_stale(stage: Stage) -> None:
    """An hour without a message is none when the truth has not moved."""
    told = _copy(stage.books[0])
    for each in told.venues:
        tape = stage.tapes[each.trust.venue]
        each.trust.position = tape.positions[-1]
    told.clocks.sent_ns += 3600 * 10**9
    assert (await stage.judged(told))["stale"] == 0


async def test_a_sequence_that_does_not_rise_is_found(stage: Stage) -> None:
    """It falls, or it stands though the books have changed."""
    first, second = stage.books[0], _copy(stage.books[-1])
    second.sequence = first.sequence - 1
    assert (await stage.judged(first, second))["sequence"]
    second.sequence = first.sequence
    assert (await stage.judged(first, second))["sequence"]
    assert not await stage.judged(first, first)


async def test_a_step_back_is_found(stage: Stage) -> None:
    """A book that stays live never shows an earlier update again; one that was rebuilt meanwhile may."""
    first, last = stage.books[0], stage.books[-1]
    again = _copy(first)
    again.sequence = last.sequence + 1
    assert (await stage.judged(first, last, again)).keys() == {"sequence"}
    for each in again.venues:
        each.trust.since_ns += 1
    assert not await stage.judged(first, last, again)


async def test_a_heartbeat_that_hides_a_change_is_found(stage: Stage) -> None:
    """States and levels of the message before hold: a new state, or a position at which they are no longer true."""
    first, last = stage.books[0], stage.books[-1]
    beat = _copy(first)
    beat.heartbeat = True
    assert (await stage.judged(first, beat))["heartbeat"]  # it carries levels
    del beat.bids[:], beat.asks[:]
    assert not await stage.judged(first, beat)
    moved = _copy(beat)
    for mine, other in zip(moved.venues, last.venues, strict=True):
        mine.trust.position = other.trust.position
    moved.sequence += 1
    assert (await stage.judged(first, moved)).keys() & {"wrong", "missing", "extra"}
    fallen = _copy(beat)
    fallen.venues[0].trust.state, fallen.venues[0].trust.reason = pb.STALE, "a test"
    fallen.sequence += 1
    assert {"heartbeat", "foreign"} <= (await stage.judged(first, fallen)).keys()


def _summary_amount(told: pb.Summary) -> None:
    told.bids[2].amount *= 1.0000001


def _summary_dust(told: pb.Summary) -> None:
    told.asks[0].price += 2e-11 * told.asks[0].price  # the dust of a computation


def _summary_name(told: pb.Summary) -> None:
    told.bids[0].exchange = "kraken"


def _summary_swapped(told: pb.Summary) -> None:
    told.bids[0].exchange = next(each for each in VENUES if each != told.bids[0].exchange)


def _summary_order(told: pb.Summary) -> None:
    first, second = _copy(told.asks[0]), _copy(told.asks[1])
    told.asks[0].CopyFrom(second)
    told.asks[1].CopyFrom(first)


def _summary_spread(told: pb.Summary) -> None:
    told.spread += 1e-11


def _summary_no_spread(told: pb.Summary) -> None:
    told.has_spread = False


def _summary_missing(told: pb.Summary) -> None:
    del told.bids[0]


def _summary_arrival(told: pb.Summary) -> None:
    told.arrival_time -= 1


SUMMARY_LIES: list[tuple[Callable[[pb.Summary], None], set[str]]] = [
    (_summary_amount, {"wrong"}),
    (_summary_dust, {"extra", "missing"}),
    (_summary_name, {"trust", "missing"}),
    (_summary_swapped, {"missing"}),
    (_summary_order, {"order"}),
    (_summary_spread, {"spread"}),
    (_summary_no_spread, {"spread"}),
    (_summary_missing, {"missing"}),
    (_summary_arrival, {"trust"}),
]


@pytest.mark.parametrize(
    ("lie", "kinds"), SUMMARY_LIES, ids=[lie.__name__.removeprefix("_summary_") for lie, _ in SUMMARY_LIES]
)
async def test_a_lie_in_a_summary_is_found(stage: Stage, lie: Callable[[pb.Summary], None], kinds: set[str]) -> None:
    """The older contract is judged as exactly."""
    told = _copy(stage.summaries[0])
    lie(told)
    found = await stage.judged(told)
    assert kinds <= found.keys(), found


async def test_equal_prices_must_have_the_larger_amount_first() -> None:
    """A tie of two venues in a Summary, and of two amounts in a Book."""
    tapes: dict[str, Any] = {face: still_tape([(0, "100", "1" if face == "binance" else "2")]) for face in VENUES}
    names = {"binance": 1, "bitstamp": 2}
    trusts = [pb.VenueState(venue=face, state=pb.LIVE, position=5) for face in VENUES]

    def told(*order: str) -> pb.Summary:
        levels = [pb.Level(exchange=face, price=100.0, amount=float(names[face])) for face in order]
        return pb.Summary(bids=levels, venues=trusts, sequence=1, sent_time=1)

    for order, kinds in ((("bitstamp", "binance"), set()), (("binance", "bitstamp"), {"order"})):
        record = Record()
        await Judge(record, tapes, PAIR, LEVELS, by_price=False).summary(told(*order))
        assert record.counts.keys() == kinds
    for venues, kinds in (((1, 0), set()), ((0, 1), {"order"})):
        record = Record()
        amounts = [pb.VenueAmount(venue=venue, amount=venue + 1) for venue in venues]
        books = [pb.VenueBook(trust=trust, best_bid=100) for trust in trusts]
        book = pb.Book(venues=books, sequence=1, bids=[pb.MergedLevel(price=100, amounts=amounts)])
        await Judge(record, tapes, PAIR, LEVELS).book(book)
        assert record.counts.keys() == kinds


async def test_beyond_the_horizon_a_level_may_be_missing_but_not_wrong() -> None:
    """What the snapshot did not tell is unknown; what is shown must be true all the same."""
    tapes: dict[str, Any] = {"binance": still_tape([(0, "100", "1"), (0, "90", "2"), (0, "80", "3")])}

    async def found(levels: dict[int, int], known: int | None) -> set[str]:
        record = Record()
        trust = pb.VenueState(venue="binance", state=pb.LIVE, position=5)
        bids = [
            pb.MergedLevel(price=price, amounts=[pb.VenueAmount(amount=amount)]) for price, amount in levels.items()
        ]
        each = pb.VenueBook(trust=trust, best_bid=100)
        if known is not None:
            each.known_bid = known
        await Judge(record, tapes, PAIR, LEVELS).book(pb.Book(venues=[each], sequence=1, bids=bids))
        return set(record.counts)

    assert await found({100: 1, 90: 2, 80: 3}, None) == set()
    assert await found({100: 1, 90: 2}, None) == {"missing"}
    assert await found({100: 1, 90: 2}, 85) == set()
    assert await found({100: 1, 80: 3}, 85) == {"missing"}
    assert await found({100: 1, 90: 2, 80: 4}, 85) == {"wrong"}
    assert await found({100: 1, 90: 2, 70: 4}, 85) == {"extra"}
