"""The mutants, and the scenarios that show them. Each edit's old text occurs exactly once in its file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.truth.court import LEVELS, VENUES
from tests.truth.faces import FACES
from tests.truth.ordeal import AUDIT_S
from tests.truth.strikes import Strike, calm

BTC, ETH = "BTC/USDT", "ETH/BTC"
_DIFF: dict[str, Any] = {"channel": "diff"}


class Edit(NamedTuple):
    """One change of one file."""

    file: str
    old: str
    new: str


class Mutant(NamedTuple):
    """A defect with a name, and the scenario in which the judge must find it."""

    name: str
    scenario: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to the server, strike by strike on each face."""

    strikes: tuple[Strike, ...]
    pairs: tuple[str, ...] = (BTC, ETH)
    venue: tuple[str, ...] = ()
    audit_s: float = AUDIT_S
    levels: int = LEVELS
    whole: bool = True
    faces: tuple[str, ...] = VENUES
    options: tuple[str, ...] = ()  # the server's


def _strike(face: str, pair: str | None, kind: str, after: Mapping[str, Any] | None = None, **how: Any) -> Strike:
    """A strike whose own arguments (wide, blind, harmless) are told from the fault's by name."""
    own = {name: how.pop(name) for name in ("wide", "blind", "harmless") if name in how}
    return Strike(kind, face, pair, {"kind": kind, **how}, after=dict(after) if after else None, **own)


_DROP = {"kind": "drop", **_DIFF, "count": 1}
_CUT = {"kind": "cut", "count": 1}

SCENARIOS: dict[str, Scenario] = {
    "calm": Scenario((calm("binance", 6.0), calm("bitstamp", 6.0))),
    "deep": Scenario((calm("binance", 6.0),), pairs=(BTC,), venue=("--deep-levels", "1500")),
    "moving": Scenario(
        (calm("binance", 25.0), calm("bitstamp", 25.0)),
        pairs=(BTC,),
        venue=("--volatility", "30", "--speed", "3"),
        levels=60,
        whole=False,
    ),
    "lost diffs": Scenario(tuple(_strike("binance", BTC, "drop", **_DIFF, count=2, every=3) for _ in range(2))),
    "old snapshots": Scenario(
        (
            _strike("binance", BTC, "ancient", age_s=5.0, count=1, after=_DROP),
            _strike("bitstamp", None, "ancient", age_s=5.0, count=2, after=_CUT, wide=True),
        )
    ),
    "late snapshots": Scenario(
        (
            _strike("binance", BTC, "late", delay_s=2.0, count=1, after=_DROP),
            _strike("bitstamp", None, "late", delay_s=2.0, count=2, after=_CUT, wide=True),
        )
    ),
    "a hole while waiting": Scenario(
        tuple(
            _strike(
                "binance", BTC, "late", delay_s=2.0, count=1, after={"kind": "drop", **_DIFF, "count": 4, "every": 3}
            )
            for _ in range(2)
        )
    ),
    "crossed snapshots": Scenario(
        (
            _strike("binance", BTC, "crossed", count=1, after=_DROP),
            _strike("bitstamp", None, "crossed", count=2, after=_CUT, wide=True),
            _strike("bitstamp", None, "crossed", count=2, after=_CUT, wide=True),
        )
    ),
    "cuts": Scenario(
        tuple(_strike(face, None, "cut", wide=True) for face in ("binance", "bitstamp") for _ in range(2))
    ),
    "both away": Scenario(
        tuple(
            _strike(face, None, "refuse", for_s=5.0, after=_CUT, wide=True)
            for _ in range(2)
            for face in ("binance", "bitstamp")
        )
    ),
    "rotation": Scenario(
        tuple(
            _strike(face, None, "shutdown", notice_s=4.0, harmless=True)  # time enough to take over without a hole
            for _ in range(2)
            for face in ("binance", "bitstamp")
        )
    ),
    "disorder": Scenario(
        tuple(
            _strike("bitstamp", pair, "reorder", **_DIFF, count=1, blind=True)
            for _ in range(3)
            for pair in (BTC, ETH)
        )
    ),
    "away": Scenario((_strike("binance", None, "refuse", for_s=15.0, after=_CUT, wide=True),)),
    "silence": Scenario((_strike("binance", None, "silence", pings=False, for_s=18.0, wide=True),)),
    "lies": Scenario(
        (
            *(_strike("bitstamp", BTC, "lost", count=1, blind=True) for _ in range(3)),
            *(_strike("bitstamp", BTC, "wrong", factor=5.0, level="any", blind=True) for _ in range(3)),
        ),
        venue=("--deep-levels", "60"),  # all within the hundred levels that the venue's second view tells
        audit_s=3.0,
    ),
    "a lie at the touch": Scenario(
        tuple(_strike(face, BTC, "wrong", factor=5.0, level="best", blind=True) for face in ("binance", "bitstamp"))
    ),
    "garbage": Scenario(
        tuple(_strike("bitstamp", BTC, "garbage", **_DIFF, form="text", count=1, harmless=True) for _ in range(3))
    ),
}

_STREAMED = ("deribit", "okx", "bybit", "coinbase", "bitfinex")
_TEN = ("--option", "kraken.depth=10")  # all of it under the checksum

SCENARIOS |= {
    "lost frames": Scenario(
        tuple(
            _strike(face, BTC, "drop", **_DIFF, count=2, every=3, wide=FACES[face].one_number)
            for _ in range(2)
            for face in _STREAMED
        ),
        faces=_STREAMED,
    ),
    "ids anew": Scenario(
        tuple(
            _strike(face, BTC, kind, count=1, harmless=True)
            for _ in range(2)
            for face, kind in (("okx", "renumber"), ("bybit", "restart"), ("bybit", "resnapshot"))
        ),
        faces=("okx", "bybit"),
    ),
    "lies under the checksum": Scenario(
        (
            *(_strike("kraken", BTC, "wrong", factor=5.0, level="any") for _ in range(4)),
            *(_strike("kraken", BTC, "drop", **_DIFF, count=1) for _ in range(4)),
        ),
        faces=("kraken",),
        options=_TEN,
    ),
    "a moving depth": Scenario(
        (calm("kraken", 15.0),), pairs=(BTC,), venue=("--volatility", "20"), faces=("kraken",), options=_TEN
    ),
    "unreadable": Scenario(
        tuple(_strike("kraken", BTC, "garbage", **_DIFF, form="text", count=8, every=3, wide=True) for _ in range(6)),
        faces=("kraken",),
    ),
    "level by level": Scenario((calm("bitfinex", 6.0),), faces=("bitfinex",)),
    "a silent stream": Scenario((_strike("kraken", ETH, "silence", for_s=18.0, blind=True),), faces=("kraken",)),
}


def _mutant(name: str, scenario: str, *edits: tuple[str, str, str]) -> Mutant:
    return Mutant(name, scenario, tuple(Edit(*edit) for edit in edits))


MUTANTS: tuple[Mutant, ...] = (
    _mutant(
        "gap test loosened", "lost diffs",
        ("exchanges/binance.py", "if diff.first > position + 1:", "if diff.first > position + 1_000_000:"),
    ),
    _mutant(
        "covered() off by one", "calm",
        ("exchanges/binance.py", "return diff.last <= position", "return diff.last <= position + 1"),
    ),
    _mutant(
        "snapshot too old accepted", "old snapshots",
        ("exchanges/sync.py", "if old or (diffs and self.gap(diffs[0], snapshot.position)):", "if False:"),
    ),
    _mutant(
        "Bitstamp: snapshot too old accepted", "old snapshots",
        ("exchanges/bitstamp.py", "return snapshot.position < first.last", "return False"),
    ),
    _mutant(
        "buffered diffs dropped", "late snapshots",
        (
            "exchanges/sync.py",
            "[Apply(self.symbol, diff.bids, diff.asks, diff.last, diff.venue_ns) for diff in diffs]",
            "[]",
        ),
    ),
    _mutant(
        "buffer not cleared at a gap", "a hole while waiting",
        (
            "exchanges/sync.py",
            'actions.append(Count(self.symbol, "gaps"))\n                self._buffer.clear()',
            'actions.append(Count(self.symbol, "gaps"))',
        ),
    ),
    _mutant(
        "deletion ignored", "calm",
        ("book/side.py", "elif price in amounts:", "elif price in amounts and amount is None:"),
    ),
    _mutant(
        "levels shown though not live", "cuts",
        ("book/venue_book.py", "if self.state is State.LIVE and levels:", "if levels:"),
        ("book/venue_book.py", "            self.bids.clear()\n            self.asks.clear()\n", ""),
    ),
    _mutant(
        "a lost connection stays live", "away",
        (
            "exchanges/feed.py",
            "        self._crossed.clear()\n        self._all(State.DOWN, reason, next_try_ns)\n",
            "        self._crossed.clear()\n",
        ),
        (
            "exchanges/feed.py",
            "                book.counters.connects += 1\n        self._all(State.CONNECTING, reason)\n",
            "                book.counters.connects += 1\n",
        ),
    ),
    _mutant(
        "stale never detected", "silence",
        ("exchanges/connection.py", "if silent >= limits.dead_s:", "if silent >= 100 * limits.dead_s:"),
        ("exchanges/probe.py", "if number == self._number and self._ahead:", "if False and self._ahead:"),
    ),
    _mutant(
        "audit ignored", "lies",
        ("exchanges/feed.py", "                if found:\n", "                if False:\n"),
    ),
    _mutant(
        "one audit resyncs all", "a lie at the touch",
        (
            "exchanges/synced.py",
            "return self.syncs[symbol].resync(state, reason)",
            "return [action for sync in self.syncs.values() for action in sync.resync(state, reason)]",
        ),
    ),
    _mutant(
        "sides swapped in merging", "calm",
        (
            "book/merged.py",
            "            bids += venue.bids\n            asks += venue.asks\n",
            "            bids += venue.asks\n            asks += venue.bids\n",
        ),
    ),
    _mutant(
        "ties unordered", "calm",
        (
            "book/merged.py",
            "levels[start:end] = sorted(levels[start:end], key=_AMOUNT, reverse=True)",
            "levels[start:end] = sorted(levels[start:end], key=_AMOUNT)",
        ),
    ),
    _mutant(
        "top cut before merging", "calm",
        ("book/pair_books.py", "levels if wanted is None or", "levels // 2 if wanted is None or"),
    ),
    _mutant(
        "dust: too little left out", "calm",
        (
            "book/side.py",
            "return bool(dust.notional) and round(price * amount, dust.decimals) < dust.notional",
            "return False",
        ),
    ),
    _mutant(
        "dust: too few looked at", "calm",
        ("book/side.py", "if len(kept) >= n or len(levels) < look:", "if kept or len(levels) < look:"),
    ),
    _mutant(
        "window of a side not rebuilt", "moving",
        ("book/side.py", "elif len(keys) < self._low and edge != math.inf:", "elif not keys:"),
        ("book/side.py", "if n > len(keys) and len(keys) < len(self.amounts):", "if not keys:"),
    ),
    _mutant(
        "sequence not raised", "calm",
        ("book/pair_books.py", "        self.version += 1\n", "        self.version |= 1\n"),
    ),
    _mutant(
        "horizon lost", "deep",
        ("exchanges/binance.py", "if len(told.bids) >= levels > 0 else None", "if False else None"),
        ("exchanges/binance.py", "if len(told.asks) >= levels > 0 else None", "if False else None"),
    ),
    _mutant(
        "a diff goes to the first symbol", "calm",
        ("exchanges/bitstamp.py", "return self._diff(told.channel[len(DIFFS) :], told.data)",
         "return self._diff(next(iter(self.syncs)), told.data)"),
    ),
    _mutant(
        "Bitstamp: old diffs applied", "disorder",
        ("exchanges/bitstamp.py", "return diff.last <= position", "return False"),
    ),
    _mutant(
        "crossed snapshots taken", "crossed snapshots",
        ("exchanges/sync.py", "        if snapshot.crossed:\n", "        if False:\n"),
    ),
    _mutant(
        "unreadable diffs shrugged off", "garbage",
        (
            "exchanges/bitstamp.py",
            '                actions += sync.hold("a frame could not be read, which may have been a diff")\n',
            "                pass\n",
        ),
    ),
    _mutant(
        "a cold connection takes over", "rotation",
        (
            "exchanges/feed.py",
            "if _may_replace(self.books[symbol][1], present, orphaned=orphaned, ahead=ahead):",
            "if True:",
        ),
    ),
    _mutant(
        "position told too early", "calm",
        (
            "exchanges/sync.py",
            "        actions = [Apply(self.symbol, diff.bids, diff.asks, diff.last, diff.venue_ns), *self",
            "        actions = [Apply(self.symbol, diff.bids, diff.asks, diff.first, diff.venue_ns), *self",
        ),
    ),
    _mutant(
        "spread in binary dust", "calm",
        (
            "book/merged.py",
            "return None if spread is None else spread / 10**self.price_decimals",
            "return None if spread is None else self.asks[0][0] - self.bids[0][0]",
        ),
    ),
    _mutant(
        "heartbeats with news", "both away",
        ("services/view.py", "        and all(map(same_trust, one.venues, other.venues))\n", ""),
    ),
    _mutant(
        "Deribit: chain loosened", "lost frames",
        ("exchanges/deribit.py", "        if before != position:\n", "        if before is None:\n"),
    ),
    _mutant(
        "OKX: prevSeqId loosened", "lost frames",
        ("exchanges/okx.py", "if told.prevSeqId != book.position:", "if told.prevSeqId < book.position:"),
    ),
    _mutant(
        "Bybit: u loosened", "lost frames",
        ("exchanges/bybit.py", "if diff.last == book.position + 1:", "if diff.last > book.position:"),
    ),
    _mutant(
        "Coinbase: sequence_num loosened", "lost frames",
        ("exchanges/coinbase.py", "if number == expected:", "if number >= expected:"),
    ),
    _mutant(
        "OKX: ids anew taken for a gap", "ids anew",
        ("exchanges/okx.py", "if told.prevSeqId != book.position:",
         "if told.prevSeqId != book.position or told.seqId < told.prevSeqId:"),
    ),
    _mutant(
        "Bybit: a later snapshot passed over", "ids anew",
        ("exchanges/bybit.py", 'if told.type == "snapshot":',
         'if told.type == "snapshot" and self.books[symbol].phase is Phase.LIVE:\n            return []\n'
         '        if told.type == "snapshot":'),
    ),
    _mutant(
        "Kraken: checksum ignored", "lies under the checksum",
        ("exchanges/kraken.py", "self.depth), verify]", "self.depth)]"),
    ),
    _mutant(
        "Kraken: depth not cut", "a moving depth",
        ("exchanges/kraken.py", "position, venue_ns, self.depth), verify]", "position, venue_ns, 0), verify]"),
    ),
    _mutant(
        "Kraken: unreadable messages shrugged off", "unreadable",
        ("exchanges/kraken.py", 'return [Garbage("", kind, frame), *self.garbled(list(self.books), reason)]',
         'return [Garbage("", kind, frame)]'),
    ),
    _mutant(
        "Kraken: quiet and dead not told apart", "a silent stream",
        ("exchanges/kraken.py", "probes = netting = True", "probes, netting = False, True"),
    ),
    _mutant(
        "Bitfinex: numbers loosened", "lost frames",
        ("exchanges/bitfinex.py", "if number == expected:", "if number >= expected:"),
    ),
    _mutant(
        "Bitfinex: removals kept", "level by level",
        ("exchanges/bitfinex.py", "abs(amount) if level.count else 0.0", "abs(amount)"),
    ),
)  # fmt: skip
