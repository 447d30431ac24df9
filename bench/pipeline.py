"""From a frame's bytes to the bytes of a message: decoding, the way into the book, merging, encoding."""

import time
from collections.abc import Callable
from itertools import cycle
from typing import Any, NamedTuple

from bench.market import PAIR, SYMBOL, SeededMarket, Stream, instrument
from bench.measure import Bar, Contender, Contest, Plan, Rival, Row, rows_of
from bench.rivals import TextStack, decode_orjson, json_decimal, json_float, merge_by_heap, orjson_float
from book import MergedBook, PairBooks, PairView, Stamps, State, VenueBook, merge
from exchanges.actions import Apply, Fetch
from exchanges.binance import BinanceProtocol
from exchanges.feed import Feed
from services import encode
from services.messages import book_message, summary_message

_TOP = 10
_VENUES = ("binance", "bitstamp", "kraken")
_SPACINGS = (7, 11, 5)  # ticks between neighbouring levels, by venue
_SENT_NS = 1_800_000_000_000_000_000

Top = tuple[list[Any], list[Any]]


class Live(NamedTuple):
    """Our connector's own objects with a live book behind them."""

    protocol: BinanceProtocol
    feed: Feed
    pair_books: PairBooks
    book: VenueBook


def live(stream: Stream) -> Live:
    """The protocol synchronised on the stream's snapshot as on a real connection; raises ValueError if it cannot."""
    listed = instrument()
    pair_books = PairBooks(PAIR)
    book = pair_books.add("binance", listed)
    protocol = BinanceProtocol([listed])
    feed = Feed(protocol, {SYMBOL: (pair_books, book)}, time.time_ns)
    feed.opened()
    feed.frame(b'{"result":null,"id":1}', 1)
    asked = [action for action in feed.frame(stream.frames[0], 1) if isinstance(action, Fetch)]
    for fetch in asked:
        feed.snapshot(fetch, stream.snapshot, 1)
    if book.state is not State.LIVE:
        raise ValueError(f"the book of the stream is {book.state.value}: {book.reason}")
    return Live(protocol, feed, pair_books, book)


def decode(name: str, plan: Plan, stream: Stream) -> list[Row]:
    """From a depth frame's bytes to lists of (float, float): orjson + float() against our typed decoder."""
    decoder = live(stream).protocol._wrapped_depth  # the object that the connection itself uses
    frame = stream.frames[0]
    data = decoder(frame).data
    assert (data.b, data.a) == decode_orjson(frame), "the decoders disagree"
    chunks = _chunks(stream, plan)
    contest = Contest(
        "frame bytes -> levels as floats",
        _along("msgspec", lambda _: decoder, stream, chunks),
        [Rival(_along("orjson + float()", lambda _: decode_orjson, stream, chunks), Bar(1.8))],
    )
    return rows_of(name, contest, plan)


def pipeline(name: str, plan: Plan, stream: Stream) -> list[Row]:
    """From a depth frame's bytes to the best ten: the usual stacks against our protocol and venue book."""
    return _stacks(name, plan, stream, "frame bytes -> book -> top 10", _protocol_and_book, (2.6, 1.8), gated=True)


def feed(name: str, plan: Plan, stream: Stream) -> list[Row]:
    """The same, ours as the server runs it: lock, states, stamps, counters, and a picture that threads may share."""
    what = "frame bytes -> shared books -> picture of top 10"
    return _stacks(name, plan, stream, what, _feed_and_view, (3.0, 2.2), gated=False)


def merging(name: str, plan: Plan) -> list[Row]:
    """From the pictures of three venues to one ladder of ten levels a side: heapq.merge against book.merge."""
    views = pictures(plan, _VENUES, plan.chunk)
    for view in views:
        merged, (bids, asks) = merge(view, _TOP), merge_by_heap(view, _TOP)
        assert (merged.bids, merged.asks) == (tuple(bids), tuple(asks)), "the merged books disagree"
    contest = Contest(
        f"merge {len(_VENUES)} venues, top {_TOP}",
        Contender("merge", lambda: [merge(view, _TOP) for view in views], len(views)),
        [
            Rival(
                Contender("heapq.merge", lambda: [merge_by_heap(view, _TOP) for view in views], len(views)), Bar(1.3)
            )
        ],
    )
    return rows_of(name, contest, plan)


def encoding(name: str, plan: Plan) -> list[Row]:
    """From a merged book of three venues to a message's bytes: protobuf objects (upb) against bytes made by hand."""
    books = [merge(view, _TOP) for view in pictures(plan, _VENUES, plan.chunk)]
    rows = []
    for what, ours, plain, bar in (
        ("encode Summary, 10 + 10 levels", _summary, _plain_summary, Bar(2.3, note="bytes equal")),
        ("encode Book, 10 + 10 levels", _book, _plain_book, Bar(2.7, gated=False, note="bytes equal; no bar is set")),
    ):
        for merged in books:
            assert ours(merged) == plain(merged), f"{what}: the bytes differ"
        contest = Contest(
            what,
            _on_books("by hand", ours, books),
            [Rival(_on_books("protobuf (upb)", plain, books), bar)],
        )
        rows += rows_of(name, contest, plan)
    return rows


def pictures(plan: Plan, venues: tuple[str, ...], count: int) -> list[PairView]:
    """Pictures of live books of `venues`, taken one after another; before each of them one venue has moved.

    Their prices interleave and are seldom equal, as those of real venues.
    """
    pair_books = PairBooks(PAIR)
    markets = {}
    for index, venue in enumerate(venues):
        book = pair_books.add(venue, instrument(venue))
        markets[venue] = SeededMarket(plan.seed + index, 200, _SPACINGS[index % len(_SPACINGS)], index)
        with pair_books:
            book.load(*markets[venue].book(), 1, Stamps(1, 2, 3))
            book.become(State.LIVE, "", 3)
    views = []
    for number, venue in zip(range(count), cycle(venues), strict=False):
        now_ns = _SENT_NS - (count - number) * 1_000_000
        with pair_books:
            stamps = Stamps(now_ns - 900_000, now_ns - 50_000, now_ns)
            pair_books.books[venue].apply(*markets[venue].message(), number + 2, stamps)
        views.append(pair_books.view(_TOP))
    return views


def _chunks(stream: Stream, plan: Plan) -> list[list[bytes]]:
    """The frames after the first, which the synchronisation has used; enough chunks for one measurement or fewer."""
    frames = stream.frames[1:]
    size = max(1, min(plan.chunk, len(frames) // 2))
    return [frames[start : start + size] for start in range(0, len(frames) - size + 1, size)]


def _stacks(
    name: str,
    plan: Plan,
    stream: Stream,
    what: str,
    ours: Callable[[Stream], Callable[[bytes], Top]],
    limits: tuple[float, float],
    *,
    gated: bool,
) -> list[Row]:
    chunks = _chunks(stream, plan)
    note = "" if gated else "ours does more than the rivals: shown, not gated"
    exact, plain = limits

    def rival(label: str, stack: Callable[[], TextStack], bar: Bar) -> Rival:
        def start(told: Stream) -> Callable[[bytes], Top]:
            fresh = stack()
            fresh.load(told.snapshot)
            fresh.frame(told.frames[0])
            return fresh.frame

        return Rival(_along(label, start, stream, chunks), bar)

    contest = Contest(
        what,
        _along("ours", ours, stream, chunks),
        [
            rival("json + Decimal + SortedDict", json_decimal, Bar(exact, gated=gated, note=note)),
            rival("json + float + SortedDict", json_float, Bar(plain, gated=gated, note=note)),
            rival("orjson + float + SortedDict", orjson_float, Bar(1.0, gated=False, note=note or "no bar is set")),
        ],
    )
    return rows_of(name, contest, plan)


def _along(
    label: str, start: Callable[[Stream], Callable[[bytes], object]], stream: Stream, chunks: list[list[bytes]]
) -> Contender:
    """Goes through all chunks in order and then begins anew with a fresh book."""
    step = start(stream)
    place = -1

    def prepare() -> None:
        nonlocal step, place
        place = (place + 1) % len(chunks)
        if place == 0:
            step = start(stream)

    def run() -> None:
        frame_in = step
        for frame in chunks[place]:
            frame_in(frame)

    return Contender(label, run, len(chunks[0]), prepare)


def _protocol_and_book(stream: Stream) -> Callable[[bytes], Top]:
    """What the rivals do and no more: decode, prove continuity, apply, read."""
    protocol, _, _, book = live(stream)
    frame_in, bids, asks = protocol.frame, book.bids, book.asks

    def step(frame: bytes) -> Top:
        for action in frame_in(frame):
            if isinstance(action, Apply):
                action.on(book, 1, 1)
        return bids.top(_TOP), asks.top(_TOP)

    return step


def _feed_and_view(stream: Stream) -> Callable[[bytes], Top]:
    _, feed, pair_books, _ = live(stream)

    def step(frame: bytes) -> Top:
        feed.frame(frame, 1)
        view = pair_books.view(_TOP).venues[0]
        return list(view.bids), list(view.asks)

    return step


def _on_books(label: str, make: Callable[[MergedBook], bytes], books: list[MergedBook]) -> Contender:
    return Contender(label, lambda: [make(merged) for merged in books], len(books))


def _summary(merged: MergedBook) -> bytes:
    return encode.summary(merged, _SENT_NS)


def _plain_summary(merged: MergedBook) -> bytes:
    return summary_message(merged, _SENT_NS).SerializeToString()


def _book(merged: MergedBook) -> bytes:
    return encode.book(merged, _SENT_NS)


def _plain_book(merged: MergedBook) -> bytes:
    return book_message(merged, _SENT_NS).SerializeToString()
