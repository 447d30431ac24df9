"""What the judge must know of each venue: how it spells and numbers, and what nobody could find on it.

The venue's own rules decide what may be missing unseen and for how long, so they stand here once, for the strikes and
for the judge alike. Sources: docs/venue.md, which says what each face does and what its truth is asked by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

PAIRS: Final = ("BTC/USDT", "ETH/USDT", "ETH/BTC", "BTC/USDC", "XRP/USD", "BTC/USD", "ETH/USD", "XRP/USDT")


@dataclass(frozen=True, slots=True)
class Face:
    """One dialect."""

    name: str
    joint: str = ""  # of a symbol
    prefix: str = ""  # likewise
    codes: Mapping[str, str] = field(default_factory=dict)  # its own names of assets
    lower: bool = False
    quotes: frozenset[str] | None = None  # that it lists; None: all
    # How positions are read.
    stamp_parts: int = 0  # positions are times, in so many parts of a µs; 0: they are ids
    contiguous: bool = True  # ids count changes, else messages of a stream
    by_messages: bool = False  # only what messages have told can be asked for
    # What can be known.
    numbered: bool = True  # a diff that is missing shows by the next one
    one_number: bool = False  # one number for all messages of a connection: what is missing was anybody's
    anonymous: tuple[str, ...] = ()  # forms of garbage that do not tell whose book they were
    clock_is_position: bool = False  # a clock that is wrong makes positions wrong
    mend_s: float = 0.0  # lies are not found for sure: after so long a cut of ours ends them; 0: an audit does
    nets: bool = False  # a diff says nothing of a level that has come back to what it was
    aftermath_s: float = 1.0  # of a silence: what was not heard in it may end the connection so much later
    rest: str = "snapshots"  # what REST books are for: snapshots, probes, or nothing
    tops: bool = False  # best prices are subscribed too
    demands: tuple[str, ...] = ()  # kinds of faults that are its own
    spared: tuple[str, ...] = ()  # kinds that would not be what they are elsewhere
    long_notice: bool = False  # the announcement of an end comes a minute ahead

    @property
    def counts_anew(self) -> bool:
        """Whether its ids may fall."""
        return "renumber" in self.demands or "restart" in self.demands

    def symbol(self, pair: str) -> str:
        """Its own spelling."""
        joined = self.joint.join(self.codes.get(asset, asset) for asset in pair.split("/"))
        return self.prefix + (joined.lower() if self.lower else joined)

    def lists(self, pair: str) -> bool:
        """Whether it can list a pair."""
        return self.quotes is None or pair.split("/")[1] in self.quotes


_EVERY_FORM: Final = ("text", "truncated", "types", "nan", "negative", "empty", "utf8")

FACES: Final[Mapping[str, Face]] = {
    face.name: face
    for face in (
        Face("binance", tops=True),
        Face(
            "bitstamp", lower=True, stamp_parts=1, numbered=False, anonymous=_EVERY_FORM, clock_is_position=True,
            tops=True,
        ),
        Face(
            "kraken", nets=True, joint="/", stamp_parts=1000, numbered=False, anonymous=("text", "empty", "utf8"),
            clock_is_position=True, mend_s=6.0, rest="", demands=("checksum",),
        ),
        Face(
            "deribit", nets=True, aftermath_s=11.0, joint="_",
            quotes=frozenset(("USDC", "USDT", "BTC", "ETH")), contiguous=False, mend_s=35.0,
            rest="probes",
        ),
        Face(
            "coinbase", joint="-", quotes=frozenset(("USD", "USDT", "EUR", "GBP", "BTC", "ETH")), stamp_parts=1000,
            one_number=True, anonymous=("text", "truncated", "types", "empty", "utf8"), clock_is_position=True,
            mend_s=6.0, rest="",
        ),
        Face("okx", nets=True, joint="-", mend_s=35.0, rest="probes", demands=("renumber",), long_notice=True),
        Face(
            "bybit", nets=True, contiguous=False, by_messages=True, rest="probes", demands=("resnapshot", "restart"),
        ),
        # A shifted millisecond may be another true one; a minus makes an ask of a bid.
        Face(
            "bitfinex", prefix="t", codes={"USDT": "UST", "USDC": "UDC"}, stamp_parts=1000, one_number=True,
            anonymous=("text", "truncated", "types", "empty", "utf8"), clock_is_position=True, mend_s=6.0, rest="",
            demands=("checksum",), spared=("skew", "garbage negative"),
        ),
    )
}  # fmt: skip


def pairs_of(faces: Sequence[str], count: int) -> tuple[str, ...]:
    """The first so many pairs that all these list."""
    return tuple(pair for pair in PAIRS if all(FACES[face].lists(pair) for face in faces))[:count]


def span(told: Mapping[str, object]) -> tuple[int | None, int] | None:
    """The numbers after and up to which a struck diff went, as its row tells; the first may be unknown."""
    if "u" in told:
        return _whole(told["U"]) - 1 if "U" in told else _whole(told["u"]) - 1, _whole(told["u"])
    for before, last in (("prev_change_id", "change_id"), ("prevSeqId", "seqId")):
        if last in told:
            return _whole(told[before]), _whole(told[last])
    if "mts" in told:
        return None, _whole(told["mts"]) * 1000
    if "microtimestamp" in told:
        return None, _whole(told["microtimestamp"])
    text = told.get("event_time") or told.get("timestamp")
    return (None, microseconds(text)) if isinstance(text, str) else None


def microseconds(text: str) -> int:
    """RFC 3339 in µs since the epoch."""
    passed = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
