"""Bitstamp: diffs joined to a REST snapshot by microtimestamps, audited against the venue's top-100 books.

Rules after the venue's WebSocket v2 documentation ("live full order book"). Diffs carry no sequence number, so a
lost one shows only by comparison: the `order_book` channel tells the best 100 levels of each side at the
microtimestamps of the diffs, and every one that can be compared is.
"""

import random
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Generic

import msgspec

from book import Instrument, Pair, Print, State, Taker
from exchanges.actions import Action, Audit, Become, Count, Garbage, Load, Reconnect, Send, Snapshot, Timer
from exchanges.decode import UNREADABLE, Amount, L, Level, N, TradeNumber, WideLevel, check_wide, decoder, is_step
from exchanges.errors import GarbageFrame
from exchanges.probe import Diff
from exchanges.protocol import ACKNOWLEDGED, ACKNOWLEDGED_S
from exchanges.sync import Phase, Synchroniser
from exchanges.synced import SyncedProtocol
from exchanges.venue import Address, Limits, Venue

DIFFS, BOOKS, TRADES = "diff_order_book_", "order_book_", "live_trades_"
BOOK_LEVELS = 100  # a side, in each frame of the `order_book` channel
_DIFF_OVERDUE_S = 2.0  # a diff that the top-100 books have told of must have come by then
_HEARTBEAT = "bts:heartbeat"
_CHANNEL = re.compile(rb'"channel" *: *"(diff_)?order_book_([a-z0-9-]+)"')
_TRADE_CHANNEL = re.compile(rb'"channel" *: *"live_trades_([a-z0-9-]+)"')
_OF_TRADE = re.compile(rb'"(id|amount|price)(_str)?" *:')  # no book has such a field
_UNREAD_TRADE = "a trade could not be read"
_TAKERS = {0: Taker.BUYER, 1: Taker.SELLER}


class _Book(msgspec.Struct, Generic[L], gc=False):
    microtimestamp: int
    bids: list[L]
    asks: list[L]


class _BookFrame(msgspec.Struct, Generic[L], gc=False):
    channel: str
    data: _Book[L]


class _Trade(msgspec.Struct, Generic[N], gc=False):
    id: TradeNumber
    price_str: N
    amount_str: N
    microtimestamp: int
    type: int


class _TradeFrame(msgspec.Struct, Generic[N], gc=False):
    channel: str
    data: _Trade[N]


class _Market(msgspec.Struct):
    name: str
    market_symbol: str
    base_decimals: int
    counter_decimals: int
    trading: str
    minimum_order_value: Decimal | None = None
    market_type: str = "SPOT"


class BitstampSync(Synchroniser):
    """The rules of Bitstamp: a diff is known by the microtimestamp of the last change that it holds."""

    refresh_s = 3600.0
    must_prove = True
    least_silence_s = 3.0  # all books of this venue together may ask only twice in three seconds

    def __init__(self, symbol: str, nonce: int) -> None:
        super().__init__(symbol)
        self._nonce = nonce
        self._requests = 0

    def covered(self, diff: Diff, position: int) -> bool:
        """Microtimestamps rise strictly; an equal or older diff is inside the book."""
        return diff.last <= position

    def gap(self, diff: Diff, position: int) -> str | None:
        """Nothing in a diff tells of a lost one."""
        return None

    def too_old(self, snapshot: Snapshot, first: Diff) -> bool:
        """Changes between an older snapshot and the first diff may never have been sent to us."""
        return snapshot.position < first.last

    def request(self, levels: int) -> tuple[str, int]:
        """All levels, aggregated by price; the last parameter keeps the venue's edge cache out of it."""
        self._requests += 1
        return f"/api/v2/order_book/{self.symbol}/?group=1&_={self._nonce + self._requests}", 1


class BitstampProtocol(SyncedProtocol):
    """One connection to Bitstamp. `books="diff"`: diffs, audited; `books="snapshot"`: top-100 books alone."""

    def __init__(self, instruments: Sequence[Instrument], books: str = "diff", nonce: int | None = None) -> None:
        self._whole = books == "diff"
        self._nonce = random.getrandbits(40) if nonce is None else nonce
        self.syncs: dict[str, BitstampSync] = {}
        self._ahead: dict[str, Audit] = {}  # by symbol: the latest top-100 book newer than our book
        self._overdue: dict[str, int] = {}  # by symbol: the microtimestamp that a running timer waits for
        super().__init__(instruments)
        level: Any = WideLevel if self.wide else Level
        self._book_frame = decoder(_BookFrame[level]).decode
        self._book = decoder(_Book[level]).decode
        number: Any = Decimal if self.wide else Amount
        self._trade_frame = decoder(_TradeFrame[number]).decode

    @property
    def path(self) -> str:
        """The address has none."""
        return ""

    def carry(self, instrument: Instrument) -> None:
        """A synchronisation."""
        self.syncs[instrument.symbol] = BitstampSync(instrument.symbol, self._nonce)

    def drop(self, symbol: str) -> None:
        """Forgets it, and the top-100 book that waits for its diff."""
        del self.syncs[symbol]
        self._ahead.pop(symbol, None)
        self._overdue.pop(symbol, None)

    def begin(self, symbols: Sequence[str]) -> list[Action]:
        """One channel in each frame, as the venue wants it."""
        actions: list[Action] = []
        for symbol in symbols:
            actions.append(Become(symbol, State.SYNCING, "subscribing"))
            actions += _asked("bts:subscribe", symbol, self._channels)
            if self._whole:
                actions.append(Timer(symbol, 0, ACKNOWLEDGED, ACKNOWLEDGED_S))
        return actions

    def end(self, symbols: Sequence[str]) -> list[Action]:
        """Likewise."""
        return [send for symbol in symbols for send in _asked("bts:unsubscribe", symbol, self._channels)]

    def subscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Likewise."""
        return [send for symbol in symbols for send in _asked("bts:subscribe", symbol, (TRADES,))]

    def unsubscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Likewise."""
        return [send for symbol in symbols for send in _asked("bts:unsubscribe", symbol, (TRADES,))]

    @property
    def _channels(self) -> tuple[str, ...]:
        return (DIFFS, BOOKS) if self._whole else (BOOKS,)

    def frame(self, frame: bytes) -> list[Action]:
        """Books by their channel; everything else is a word about the connection."""
        try:
            if b'"microtimestamp"' in frame and b"order_book_" in frame:
                told = self._book_frame(frame)
                if self.wide:
                    check_wide(told.data.bids, told.data.asks)
                if told.channel.startswith(DIFFS):
                    return self._diff(told.channel[len(DIFFS) :], told.data)
                return self._top(told.channel[len(BOOKS) :], told.data)
            if self.trades.wanted and b'"price_str"' in frame and b'"live_trades_' in frame:
                return self._traded(self._trade_frame(frame))
            return self._control(frame, msgspec.json.decode(frame))
        except UNREADABLE as error:
            return self._unreadable(f"{type(error).__name__}: {error}", frame)

    def read_snapshot(self, body: bytes, levels: int) -> Snapshot:
        """The whole book, both sides; its microtimestamp is that of the last change in it."""
        told = self._book(body)
        if self.wide:
            check_wide(told.bids, told.asks)
        return Snapshot(told.microtimestamp, told.bids, told.asks, told.microtimestamp * 1000, None, None)

    def timeout(self, symbol: str, generation: int, purpose: str) -> list[Action]:
        """Besides those of the synchronisation: has the diff come that a top-100 book told of?"""
        sync = self.syncs[symbol]
        if purpose == ACKNOWLEDGED:
            return [Reconnect("a subscription was not acknowledged")] if sync.phase is Phase.IDLE else []
        if purpose != "overdue diff":
            return super().timeout(symbol, generation, purpose)
        if self._overdue.pop(symbol, 0) > sync.position:
            return sync.hold("a diff that the top-100 books told of has not come")
        ahead = self._ahead.get(symbol)  # a later book may have told of a later diff meanwhile
        return self._expect(sync, ahead.position) if ahead and ahead.position > sync.position else []

    def resync(self, symbol: str, state: State, reason: str) -> list[Action]:
        """From the diffs; where the top-100 books are the book, the next one comes by itself."""
        return super().resync(symbol, state, reason) if self._whole else []

    def refresh(self, symbol: str) -> list[Action]:
        """Top-100 books are as deep as they are."""
        return super().refresh(symbol) if self._whole else []

    def resumed(self) -> list[Action]:
        """What was said in between may be lost, and no diff would tell: all books are rebuilt while live."""
        books = [action for sync in self.syncs.values() for action in sync.refresh()] if self._whole else []
        return books + self.trades.all_missed("nothing was heard for a while")

    def closed(self) -> None:
        """Forgets all that belonged to the connection."""
        super().closed()
        self._ahead.clear()
        self._overdue.clear()
        for sync in self.syncs.values():
            sync.closed()

    def _diff(self, symbol: str, told: Any) -> list[Action]:
        sync = self.syncs.get(symbol)
        if sync is None:
            return []
        stamp = told.microtimestamp
        actions = sync.diff(Diff(stamp, stamp, told.bids, told.asks, stamp * 1000))
        ahead = self._ahead.get(symbol)
        if ahead and ahead.position <= stamp:
            del self._ahead[symbol]
            if ahead.position == stamp:
                actions.append(ahead)
        return actions

    def _top(self, symbol: str, told: Any) -> list[Action]:
        """A top-100 book: the second view of a book made of diffs, or the book itself."""
        sync = self.syncs.get(symbol)
        if sync is None:
            return []
        stamp = told.microtimestamp
        if not self._whole:
            return self._replace(sync, told)
        audit = Audit(symbol, stamp, told.bids, told.asks, BOOK_LEVELS)
        if sync.phase is not Phase.LIVE or stamp < sync.position:
            return []
        if stamp == sync.position:
            return [audit]
        self._ahead[symbol] = audit
        return [] if symbol in self._overdue else self._expect(sync, stamp)

    def _expect(self, sync: Synchroniser, stamp: int) -> list[Action]:
        """The diff of `stamp` must come soon."""
        self._overdue[sync.symbol] = stamp
        return [Timer(sync.symbol, sync.generation, "overdue diff", _DIFF_OVERDUE_S)]

    def _replace(self, sync: Synchroniser, told: Any) -> list[Action]:
        """Top-100 books alone: each one is the book, and what lies deeper is unknown."""
        stamp = told.microtimestamp
        if stamp <= sync.position:
            return [Count(sync.symbol, "ignored")]
        known_bid = min(told.bids)[0] if len(told.bids) >= BOOK_LEVELS else None
        known_ask = max(told.asks)[0] if len(told.asks) >= BOOK_LEVELS else None
        snapshot = Snapshot(stamp, told.bids, told.asks, stamp * 1000, known_bid, known_ask)
        actions: list[Action] = [Load(sync.symbol, snapshot), Become(sync.symbol, State.LIVE)]
        if sync.phase is not Phase.LIVE:
            sync.phase = Phase.LIVE
            actions += sync.prober.start(stamp)
        sync.position = stamp
        return actions + sync.prober.replaced(stamp, stamp * 1000)

    def _traded(self, told: Any) -> list[Action]:
        """One trade. Ids rise over all markets of the venue, so that nothing but their order tells anything."""
        trade = told.data
        if self.wide:
            check_wide([(trade.price_str, trade.amount_str)])
        taker = _TAKERS.get(trade.type, Taker.UNKNOWN)
        made = Print(trade.price_str, trade.amount_str, taker, str(trade.id), trade.microtimestamp * 1000)
        return self.trades.traded(told.channel.removeprefix(TRADES), [made])

    def _control(self, frame: bytes, message: Any) -> list[Action]:
        """Acknowledgements, the order to reconnect, errors."""
        if not isinstance(message, dict):
            return self._unreadable("no object", frame)
        event, channel = message.get("event"), str(message.get("channel", ""))
        if event == "bts:request_reconnect":
            return [Reconnect("the venue asked for it", overlap=True)]
        if event == "bts:subscription_succeeded":
            return self._subscribed(channel)
        if event in (_HEARTBEAT, "bts:unsubscription_succeeded", "trade"):
            return []
        if event == "bts:error":
            data = message.get("data")
            words = data.get("message") if isinstance(data, dict) else data
            if channel.startswith(TRADES):
                return self.trades.refused([channel.removeprefix(TRADES)], str(words)[:200])
            symbol = channel.removeprefix(DIFFS).removeprefix(BOOKS)
            garbage = Garbage(symbol if symbol in self.syncs else "", f"error reply: {words}", frame)
            return [garbage]
        if isinstance(event, str) and not (event == "data" or "order_book_" in channel):
            return [Garbage("", "unexpected message", frame)]
        return self._unreadable("unexpected message", frame)

    def _subscribed(self, channel: str) -> list[Action]:
        if channel.startswith(TRADES):
            return self.trades.acknowledged([channel.removeprefix(TRADES)])
        sync = self.syncs.get(channel.removeprefix(DIFFS).removeprefix(BOOKS))
        if sync is None:
            return []
        if self._whole:
            return sync.subscribed() if channel.startswith(DIFFS) else []
        return [] if sync.position else [Become(sync.symbol, State.SYNCING, "waiting for the first book")]

    def _unreadable(self, kind: str, frame: bytes) -> list[Action]:
        """The frame may have been a diff, and nothing else would ever tell.

        Where it still names its channel, that book resyncs; else any book of this connection may lack something.
        """
        if trade := _TRADE_CHANNEL.search(frame):
            symbol = trade[1].decode()
            return [Garbage(symbol, kind, frame), *self.trades.missed(symbol, _UNREAD_TRADE)]
        if _OF_TRADE.search(frame):
            return [Garbage("", kind, frame), *self.trades.all_missed(_UNREAD_TRADE)]
        found = _CHANNEL.search(frame)
        symbol = found[2].decode() if found else ""
        if symbol in self.syncs:
            actions: list[Action] = [Garbage(symbol, kind, frame)]
            if self._whole and found and found[1]:
                actions += self.syncs[symbol].resync(State.GAP, "a diff could not be read")
            return actions
        actions = [Garbage("", kind, frame)]
        if self._whole:
            for sync in self.syncs.values():
                actions += sync.hold("a frame could not be read, which may have been a diff")
        return actions + self.trades.all_missed("a frame could not be read, which may have been a trade")


def _asked(event: str, symbol: str, channels: Sequence[str]) -> list[Send]:
    """One request a channel."""
    messages = [{"event": event, "data": {"channel": channel + symbol}} for channel in channels]
    return [Send(msgspec.json.encode(message).decode()) for message in messages]


class Bitstamp(Venue):
    """Bitstamp spot."""

    name = "bitstamp"
    hosts: ClassVar[Mapping[str, Address]] = {
        "default": Address("https://www.bitstamp.net", "wss://ws.bitstamp.net"),
    }
    # The venue's sources disagree on its limits (600 to 10,000 requests in 10 minutes): the smallest is safe.
    # A connection carries 1024 channels, and a pair takes three.
    limits = Limits(weight=600, window_s=600.0, connects=60, connect_window_s=60.0, pairs_per_connection=340)
    catalog_path = "/api/v2/markets/"
    catalog_weight = 1
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {"books": ("diff", "snapshot")}

    def parse_catalog(self, body: bytes) -> list[Instrument]:
        """The spot markets. The price step is 10^-counter_decimals, the amount step 10^-base_decimals."""
        try:
            markets = msgspec.json.decode(body, type=list[_Market], strict=False)
        except UNREADABLE as error:
            raise GarbageFrame(f"bitstamp: no catalog: {error}") from error
        return [found for market in markets if (found := self._instrument(market))]

    def protocol(self, instruments: Sequence[Instrument], options: Mapping[str, str]) -> BitstampProtocol:
        """A fresh protocol object for one connection."""
        return BitstampProtocol(instruments, options.get("books", "diff"))

    def _instrument(self, told: _Market) -> Instrument | None:
        if told.market_type != "SPOT":
            return None
        try:
            pair = Pair.parse(told.name)
            tick, lot = Decimal(1).scaleb(-told.counter_decimals), Decimal(1).scaleb(-told.base_decimals)
        except (ValueError, ArithmeticError):
            return None
        if not (is_step(tick) and is_step(lot)):
            return None
        trading = told.trading == "Enabled"
        return Instrument(self.name, told.market_symbol, pair, tick, lot, told.minimum_order_value, None, trading)
