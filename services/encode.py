"""From the merged book to the bytes of a message, made by hand: several times faster than protobuf objects.

The bytes are those that protobuf would write for the messages of messages.py. Floats only, up to 2^51 units:
a book beyond that (Decimal prices, huge amounts) goes through messages.py.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from struct import Struct

from book import Conversion, Level, MergedBook, Pair, VenueView
from book.analytics import Figure
from book.merged import MOST_UNITS
from services.figures import AnalysedBook
from services.messages import book_message, conversion_message, newest, value_text
from services.wire import block, number, stamp, tag, text, varint, venue_state, zigzag

_MAX_DECIMALS = 15

_DOUBLE = Struct("<d").pack
_AMOUNT_TAG = 0x19  # Level.amount

# Fields of Summary.
_SPREAD, _BIDS, _ASKS = tag(1, 1), tag(2, 2), tag(3, 2)
_ARRIVAL, _SYMBOL, _SEQUENCE, _CONFLATED = tag(40, 0), tag(41, 2), tag(42, 0), tag(43, 0)
_VENUES, _SENT, _HAS_SPREAD = tag(44, 2), tag(45, 0), tag(46, 0) + b"\x01"
_HEARTBEAT, _CLOSING = tag(47, 0) + b"\x01", tag(48, 0) + b"\x01"
_CONVERSIONS, _UNIT = tag(49, 2), tag(50, 2)

# Fields of Book and of its parts.
_BOOK_PAIR, _BOOK_SEQUENCE, _BOOK_CONFLATED = tag(1, 2), tag(2, 0), tag(3, 0)
_BOOK_PRICE_DECIMALS, _BOOK_AMOUNT_DECIMALS = tag(4, 0), tag(5, 0)
_BOOK_VENUES, _BOOK_BIDS, _BOOK_ASKS = tag(6, 2), tag(7, 2), tag(8, 2)
_BOOK_CLOCKS, _BOOK_SPREAD = tag(9, 2), tag(10, 0)
_BOOK_ANALYTICS, _BOOK_NET = tag(11, 2), tag(12, 0) + b"\x01"
_BOOK_CONVERSIONS, _BOOK_UNIT = tag(13, 2), tag(14, 2)
_BOOK_HEARTBEAT, _BOOK_CLOSING = tag(15, 0) + b"\x01", tag(16, 0) + b"\x01"
_TRUST, _EDGE_TAGS, _MEMBER = tag(1, 2), (tag(2, 0), tag(3, 0), tag(4, 0), tag(5, 0)), tag(6, 2)
_LEVEL_PRICE, _LEVEL_AMOUNTS = tag(1, 0), tag(2, 2)
_ANALYTIC_TEXTS, _ANALYTIC_INCOMPLETE = tuple(tag(field, 2) for field in range(1, 6)), tag(6, 0) + b"\x01"
_CLOCK_TAGS = (tag(1, 0), tag(2, 0), tag(3, 0), tag(4, 0))
# VenueAmount up to its amount, by the venue's index; index 0 is not written.
_AMOUNT_HEADS = [number(tag(1, 0), venue) + tag(2, 0) for venue in range(256)]
# The tag and length of a VenueAmount, by its length.
_ENTRY_HEADS = [_LEVEL_AMOUNTS + varint(length) for length in range(32)]


def summary(merged: MergedBook, sent_ns: int, *, heartbeat: bool = False, closing: bool = False) -> bytes:
    """A Summary, whole. `sent_ns`: now, ns since the epoch."""
    spread = merged.spread()
    bids, asks = _level_packs(tuple([view.venue for view in merged.venues]))
    parts = [_SPREAD + _DOUBLE(spread)] if spread else []
    for packs, levels in ((bids, merged.bids), (asks, merged.asks)):
        for price, amount, venue in levels:
            pack, head = packs[venue]
            parts.append(pack(head, price, _AMOUNT_TAG, amount))
    parts.append(number(_ARRIVAL, newest(merged.venues)[1]) + _name(_SYMBOL, merged.pair))
    parts.append(number(_SEQUENCE, merged.version))
    parts += [block(_VENUES, venue_state(view, sent_ns)) for view in merged.venues]
    parts.append(number(_SENT, sent_ns))
    if spread is not None:
        parts.append(_HAS_SPREAD)
    if heartbeat:
        parts.append(_HEARTBEAT)
    if closing:
        parts.append(_CLOSING)
    if merged.unit:
        parts += [*conversions(_CONVERSIONS, merged.conversions, sent_ns), text(_UNIT, merged.unit)]
    return b"".join(parts)


def book(
    merged: MergedBook,
    sent_ns: int,
    only: frozenset[str] | None = None,
    *,
    heartbeat: bool = False,
    closing: bool = False,
) -> bytes:
    """A Book, whole; a heartbeat carries no levels. `only`: the venues whose stamps count; None: all."""
    try:
        parts = _book_parts(merged, sent_ns, only, heartbeat)
    except _BeyondDoubles:
        return book_message(merged, sent_ns, only, heartbeat=heartbeat, closing=closing).SerializeToString()
    if heartbeat:
        parts.append(_BOOK_HEARTBEAT)
    if closing:
        parts.append(_BOOK_CLOSING)
    return b"".join(parts)


def conversions(field: bytes, told: Iterable[Conversion], sent_ns: int) -> list[bytes]:
    """Each with its tag and length: by protobuf, since groups are few and have a pace of their own."""
    return [block(field, conversion_message(each, sent_ns).SerializeToString()) for each in told]


def conflated_summary(conflated: int) -> bytes:
    """What appended to a Summary says how many states its stream was spared."""
    return _CONFLATED + varint(conflated)


def conflated_book(conflated: int) -> bytes:
    """What appended to a Book says how many states its stream was spared."""
    return _BOOK_CONFLATED + varint(conflated)


class _BeyondDoubles(Exception):
    """The book holds numbers that only messages.py carries. Never seen outside this module."""


def _book_parts(merged: MergedBook, sent_ns: int, only: frozenset[str] | None, heartbeat: bool) -> list[bytes]:
    price_decimals, amount_decimals = merged.price_decimals, merged.amount_decimals
    if price_decimals > _MAX_DECIMALS or amount_decimals > _MAX_DECIMALS or len(merged.venues) > len(_AMOUNT_HEADS):
        raise _BeyondDoubles
    price_scale, amount_scale = 10.0**price_decimals, 10.0**amount_decimals
    bids, asks = merged.bids, merged.asks
    parts = [
        _name(_BOOK_PAIR, merged.pair),
        number(_BOOK_SEQUENCE, merged.version),
        number(_BOOK_PRICE_DECIMALS, price_decimals),
        number(_BOOK_AMOUNT_DECIMALS, amount_decimals),
    ]
    parts += [_venue_book(view, sent_ns, price_scale) for view in merged.venues]
    ladders = _ladder(_BOOK_BIDS, bids, price_scale, amount_scale)
    ladders += _ladder(_BOOK_ASKS, asks, price_scale, amount_scale)
    if not heartbeat:  # made all the same: the scales of a heartbeat are those of its levels
        parts += ladders
    stamps = newest(merged.venues, only)
    clocks = (stamp(stamps.venue_ns), stamps.received_ns, stamps.applied_ns, sent_ns)
    parts.append(block(_BOOK_CLOCKS, b"".join(map(number, _CLOCK_TAGS, clocks))))
    if bids and asks:
        parts.append(_BOOK_SPREAD + zigzag(_units(asks[0][0], price_scale) - _units(bids[0][0], price_scale)))
    if isinstance(merged, AnalysedBook):
        if not heartbeat:
            parts += [block(_BOOK_ANALYTICS, _analytic(name, figure)) for name, figure in merged.figures]
        if merged.net:
            parts.append(_BOOK_NET)
    if merged.unit:
        parts += [*conversions(_BOOK_CONVERSIONS, merged.conversions, sent_ns), text(_BOOK_UNIT, merged.unit)]
    return parts


def _analytic(name: str, figure: Figure) -> bytes:
    texts = (name, figure.part, value_text(figure), figure.unit, figure.reason)
    body = b"".join(map(text, _ANALYTIC_TEXTS, texts))
    return body if figure.complete else body + _ANALYTIC_INCOMPLETE


def _ladder(field: bytes, levels: Sequence[Level], price_scale: float, amount_scale: float) -> list[bytes]:
    """One MergedLevel a price, each with its tag and length."""
    parts: list[bytes] = []
    if not levels:
        return parts
    _units(levels[0][0], price_scale)  # the largest price of a side is its first or its last
    _units(levels[-1][0], price_scale)
    heads, largest = _AMOUNT_HEADS, MOST_UNITS
    last_price, last_units = -1.0, -1
    body = b""
    try:
        for price, amount, venue in levels:
            size = round(amount * amount_scale) or 1  # finer than a unit, but never none
            if size > largest:
                raise _BeyondDoubles
            entry = heads[venue] + varint(size)
            if price == last_price:
                body += _ENTRY_HEADS[len(entry)] + entry
                continue
            units = round(price * price_scale)
            if units == last_units:  # prices finer than the pair's scale fall together
                raise _BeyondDoubles
            if body:
                parts.append(field + varint(len(body)) + body)
            last_price, last_units = price, units
            body = _LEVEL_PRICE + zigzag(units) + _ENTRY_HEADS[len(entry)] + entry
    except TypeError as error:  # a Decimal among them
        raise _BeyondDoubles from error
    parts.append(block(field, body))
    return parts


def _venue_book(view: VenueView, sent_ns: int, price_scale: float) -> bytes:
    body = block(_TRUST, venue_state(view, sent_ns))
    best_bid = view.bids[0][0] if view.bids else None
    best_ask = view.asks[0][0] if view.asks else None
    for field, price in zip(_EDGE_TAGS, (view.known_bid, view.known_ask, best_bid, best_ask), strict=True):
        if price is not None:
            body += field + zigzag(_units(price, price_scale))
    if view.member is not None:
        body += _name(_MEMBER, view.member)
    return block(_BOOK_VENUES, body)


def _units(price: float, scale: float) -> int:
    """Units of a price; raises _BeyondDoubles for a Decimal and where a double cannot count them."""
    if type(price) is not float:
        raise _BeyondDoubles
    units = round(price * scale)
    if abs(units) > MOST_UNITS:
        raise _BeyondDoubles
    return units


@lru_cache(maxsize=1024)
def _name(field: bytes, pair: Pair) -> bytes:
    return text(field, str(pair))


_Packs = list[tuple[Callable[[bytes, float, int, float], bytes], bytes]]


@lru_cache(maxsize=1024)
def _level_packs(venues: tuple[str, ...]) -> tuple[_Packs, _Packs]:
    """For bids and for asks, each venue's way to a whole Level: what packs it, and its bytes up to the price."""
    heads = [text(tag(1, 2), venue) + tag(2, 1) for venue in venues]

    def packs(side: bytes) -> _Packs:
        # After the head come 17 bytes: the price, a tag and the amount.
        whole = [side + varint(len(head) + 17) + head for head in heads]
        return [(Struct(f"<{len(each)}sdBd").pack, each) for each in whole]

    return packs(_BIDS), packs(_ASKS)
