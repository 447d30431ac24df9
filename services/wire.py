"""Bytes of protobuf made by hand: the numbers and the venue states, as every message of ours carries them.

A message is its fields, one after another, so parts that are made apart may simply be joined. Kept in the order
of the field numbers the result is what protobuf itself writes, byte for byte.
"""

from functools import lru_cache
from typing import NamedTuple

from book import Check, Counters, Distance, Stamps, State, Trust, VenueView
from book.rate import faded

MAX_UINT64 = (1 << 64) - 1
MAX_SINT64 = (1 << 63) - 1
_FRESH_NS = 1_000_000_000  # the rate of a book whose newest update is older has faded since

_LOW14 = 0x3FFF
# Two bytes for each number below 2^14: as the end of a varint, and as a part that goes on.
_ONE = [bytes((n,)) for n in range(0x80)]
_END = _ONE + [bytes((n & 0x7F | 0x80, n >> 7)) for n in range(0x80, 0x4000)]
_MORE = [bytes((n & 0x7F | 0x80, n >> 7 | 0x80)) for n in range(0x4000)]


def varint(n: int) -> bytes:
    """The bytes of `n`, 0 to 2^64-1; raises IndexError below (never above)."""
    if n < 0x4000:
        return _END[n] if n >= 0 else _refuse(n)
    if n < 0x10000000:
        return _MORE[n & _LOW14] + _END[n >> 14]
    if n < 0x40000000000:
        return _MORE[n & _LOW14] + _MORE[n >> 14 & _LOW14] + _END[n >> 28]
    more = _MORE[n & _LOW14] + _MORE[n >> 14 & _LOW14] + _MORE[n >> 28 & _LOW14]
    if n < 0x100000000000000:
        return more + _END[n >> 42]
    return more + _MORE[n >> 42 & _LOW14] + _END[n >> 56]


def zigzag(n: int) -> bytes:
    """The bytes of a sint64: small numbers of either sign are short."""
    return varint(n << 1 if n >= 0 else (-n << 1) - 1)


def number(tag: bytes, n: int) -> bytes:
    """A whole field of the unsigned kind; nothing when it is 0, as proto3 wants it."""
    return tag + varint(n) if n else b""


def signed(tag: bytes, n: int | None) -> bytes:
    """A whole optional field of the sint64 kind; nothing when it is None."""
    return b"" if n is None else tag + zigzag(n)


def block(tag: bytes, content: bytes) -> bytes:
    """A whole field of the kind that carries its length: a message or a text."""
    return tag + varint(len(content)) + content


def text(tag: bytes, content: str) -> bytes:
    """A whole text field; nothing when it is empty."""
    return block(tag, content.encode("utf-8", "replace")) if content else b""


def tag(field: int, kind: int) -> bytes:
    """What stands before a field. Kinds: 0 varint, 1 eight bytes, 2 with length."""
    return varint(field << 3 | kind)


STATE_NUMBERS = {
    State.CONNECTING: 1,
    State.SYNCING: 2,
    State.LIVE: 3,
    State.STALE: 4,
    State.GAP: 5,
    State.DOWN: 6,
    State.DISABLED: 7,
    State.UNLISTED: 8,
    State.UNCONVERTED: 9,
}


# Fields of VenueState.
_VENUE, _SYMBOL, _STATE, _REASON = tag(1, 2), tag(2, 2), tag(3, 0), tag(4, 2)
_SINCE, _NEXT_TRY, _VENUE_TIME, _RECEIVED = (tag(field, 0) for field in range(5, 9))
_AGE, _UPDATES = tag(9, 0), tag(10, 0)
_GAPS, _RESYNCS, _AUDITS_PASSED, _AUDITS_FAILED, _GARBAGE, _CONNECTS = (tag(field, 0) for field in range(11, 17))
_POSITION, _ROTATIONS, _RESTARTS = (tag(field, 0) for field in range(17, 20))
_LEAST_LAG, _THRESHOLD, _CONNECTIONS, _CHECKED_BY, _CHECKED, _LAG = (tag(field, 0) for field in range(20, 26))
_DISTANCE, _RATE = tag(26, 2), tag(27, 0)
_ROUTED_FROM, _LEFT_OUT_FOR = tag(40, 2), tag(41, 2)
# Fields of Distance.
_PPM, _AGAINST, _OTHERS, _FAR_SINCE = tag(1, 0), tag(2, 2), tag(3, 0), tag(4, 0)
_SUSPECT, _LEFT_OUT = tag(5, 0) + b"\x01", tag(6, 0) + b"\x01"


def stamp(ns: int) -> int:
    """`ns` where the wire can carry it, else 0 (unknown): a venue may send any number as its time."""
    return ns if 0 <= ns <= MAX_UINT64 else 0


def age_ns(received_ns: int, sent_ns: int) -> int:
    """How old what was received is; 0 where nothing was, or where the clock was set back in between."""
    return max(0, sent_ns - received_ns) if received_ns else 0


def lag_ns(stamps: Stamps) -> int | None:
    """Receipt minus the venue's stamp, two clocks; None where one of them is not known."""
    venue_ns, received_ns, _ = stamps
    return received_ns - venue_ns if received_ns and stamp(venue_ns) else None


def fitting(number: int | None) -> int | None:
    """`number` where a sint64 can carry it, else None: it comes of a stamp that is no time."""
    return number if number is None or -MAX_SINT64 <= number <= MAX_SINT64 else None


def rate_milli(view: VenueView, sent_ns: int) -> int:
    """A thousand times the updates a second as of the newest one, or as of now when that is long ago."""
    age = age_ns(view.stamps.received_ns, sent_ns)
    return int(1000 * (view.trust.rate if age < _FRESH_NS else faded(view.trust.rate, age)))


class _Known(NamedTuple):
    """The bytes of one venue's state but for its age and an old book's rate, and the facts that they tell."""

    state: State
    reason: str
    since_ns: int
    next_try_ns: int
    stamps: Stamps
    counters: Counters
    standing: bytes  # fields 1 to 6, which change with the state alone
    before: bytes  # fields 1 to 8
    after: bytes  # fields 10 to 41
    position: int
    trust: Trust
    rate: bytes  # the rate and what follows it, the end of `after`
    distance: Distance
    distance_bytes: bytes
    left_out: str
    tail: bytes  # the fields 40 and 41, what follows the rate


_known: dict[tuple[str, str], _Known] = {}  # the latest by venue and symbol; entries are replaced whole
_MAX_KNOWN = 20_000  # beyond it all are forgotten: they are made again when needed


def venue_state(view: VenueView, sent_ns: int) -> bytes:
    """One VenueState, without the tag and length before it. `sent_ns`: when the message is made.

    Of several venues few have changed since the last message, so the bytes of the others are at hand.
    """
    known = _known.get((view.venue, view.symbol))
    if known is None or not (
        known[4] is view.stamps
        and known[0] is view.state
        and known[5] == view.counters
        and known[2] == view.since_ns
        and known[1] == view.reason
        and known[3] == view.next_try_ns
        and known[9] == view.position
        and known[10] is view.trust
        and known[12] is view.distance
        and known[14] == view.left_out
    ):
        known = _learn(view, known)
    received_ns = view.stamps[1]
    if 0 < received_ns < sent_ns:
        age = sent_ns - received_ns
        if age < _FRESH_NS:
            return known[7] + _AGE + varint(age) + known[8]
        still = known[8].removesuffix(known[11])
        return known[7] + _AGE + varint(age) + still + number(_RATE, rate_milli(view, sent_ns)) + known[15]
    return known[7] + known[8]


def _learn(view: VenueView, known: _Known | None) -> _Known:
    facts = (view.state, view.reason, view.since_ns, view.next_try_ns)
    standing = known.standing if known is not None and known[:4] == facts else _standing(view)
    venue_ns, received_ns, _ = view.stamps
    venue_ns = stamp(venue_ns)
    before = standing + number(_VENUE_TIME, venue_ns) + number(_RECEIVED, received_ns)
    counters = view.counters
    after = number(_UPDATES, counters.updates) + _troubles(
        counters.gaps,
        counters.resyncs,
        counters.audits_passed,
        counters.audits_failed,
        counters.garbage,
        counters.connects,
    )
    after += number(_POSITION, stamp(view.position))
    trust = view.trust
    after += _seldom(
        counters.rotations,
        counters.restarts,
        trust.least_lag_ns,
        trust.threshold_ns,
        trust.connections,
        trust.checked_by,
    )
    if trust.checked_ns:
        after += _CHECKED + varint(stamp(trust.checked_ns))
    if venue_ns and received_ns:
        after += signed(_LAG, fitting(received_ns - venue_ns))
    distance = view.distance  # compared now and then, so that most messages find its bytes made
    far = known.distance_bytes if known is not None and known.distance is distance else _distance(distance)
    tail = text(_ROUTED_FROM, view.routed_from) + text(_LEFT_OUT_FOR, view.left_out)
    rate = number(_RATE, int(trust.rate * 1000)) + tail
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    known = _known[view.venue, view.symbol] = _Known(
        *facts, view.stamps, counters, standing, before, after + far + rate, view.position,
        trust, rate, distance, far, view.left_out, tail,
    )  # fmt: skip
    return known


def _standing(view: VenueView) -> bytes:
    return (
        text(_VENUE, view.venue)
        + text(_SYMBOL, view.symbol)
        + number(_STATE, STATE_NUMBERS[view.state])
        + text(_REASON, view.reason)
        + number(_SINCE, stamp(view.since_ns))
        + number(_NEXT_TRY, stamp(view.next_try_ns))
    )


@lru_cache(maxsize=1024)
def _troubles(gaps: int, resyncs: int, audits_passed: int, audits_failed: int, garbage: int, connects: int) -> bytes:
    """The fields 11 to 16: counters that move seldom."""
    return (
        number(_GAPS, gaps)
        + number(_RESYNCS, resyncs)
        + number(_AUDITS_PASSED, audits_passed)
        + number(_AUDITS_FAILED, audits_failed)
        + number(_GARBAGE, garbage)
        + number(_CONNECTS, connects)
    )


@lru_cache(maxsize=1024)
def _seldom(
    rotations: int, restarts: int, least_lag_ns: int | None, threshold_ns: int, connections: int, checked_by: Check
) -> bytes:
    """The fields 18 to 23: likewise."""
    return (
        number(_ROTATIONS, rotations)
        + number(_RESTARTS, restarts)
        + signed(_LEAST_LAG, fitting(least_lag_ns))
        + number(_THRESHOLD, stamp(threshold_ns))
        + number(_CONNECTIONS, connections)
        + number(_CHECKED_BY, checked_by)
    )


def _distance(distance: Distance) -> bytes:
    if not distance.others:
        return b""
    parts = signed(_PPM, distance.ppm or None) + text(_AGAINST, distance.against)
    parts += number(_OTHERS, distance.others) + number(_FAR_SINCE, stamp(distance.far_since_ns))
    return block(_DISTANCE, parts + _SUSPECT * distance.suspect + _LEFT_OUT * distance.left_out)


def _refuse(n: int) -> bytes:
    raise IndexError(f"{n} is no unsigned number")
