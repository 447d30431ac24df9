"""Binance spot: REST snapshot and diff stream, joined by update ids, audited against the best-quote stream.

Rules after the venue's "How to manage a local order book correctly" (spot API documentation, web-socket-streams).
The same messages are spoken by Binance.US.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Generic

import msgspec

from book import Instrument, Pair, Print, State, Taker
from exchanges.actions import Action, Audit, Become, Garbage, Reconnect, Send, Snapshot, Timer
from exchanges.decode import UNREADABLE, Amount, L, Level, N, TradeNumber, WideLevel, check_wide, decoder, is_step
from exchanges.errors import GarbageFrame
from exchanges.probe import Diff
from exchanges.protocol import ACKNOWLEDGED, ACKNOWLEDGED_S
from exchanges.sync import Phase, Synchroniser
from exchanges.synced import SyncedProtocol
from exchanges.venue import Address, Limits, Venue

# Weight of a snapshot of at most so many levels a side.
_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
_STREAMS_PER_REQUEST = 200
_TICKERS_KEPT = 512  # best quotes newer than the last diff; the oldest go first
_MICROSECONDS = 10**14  # an event time above this is in microseconds, else in milliseconds
# Streams that a connection may carry beside ours; they are none of our business.
_OTHER_EVENTS = (b'"trade"', b'"aggTrade"', b'"kline"', b'"24hrTicker"', b'"24hrMiniTicker"')


class _Depth(msgspec.Struct, Generic[L], gc=False):
    s: str
    U: int
    u: int
    b: list[L]
    a: list[L]
    E: int = 0


class _Ticker(msgspec.Struct, Generic[N], gc=False):
    s: str
    u: int
    b: N  # an empty side is told as price 0, amount 0
    B: N
    a: N
    A: N


class _Trade(msgspec.Struct, Generic[N], gc=False):
    s: str
    t: TradeNumber
    p: N
    q: N
    T: int
    m: bool  # the buyer was the maker


class _Wrapped(msgspec.Struct, Generic[L], gc=False):
    data: L


class _Snapshot(msgspec.Struct, Generic[L], gc=False):
    lastUpdateId: int  # noqa: N815 - the venue's spelling
    bids: list[L]
    asks: list[L]


class _Filter(msgspec.Struct):
    filterType: str  # noqa: N815
    tickSize: Decimal | None = None  # noqa: N815
    maxPrice: Decimal | None = None  # noqa: N815
    stepSize: Decimal | None = None  # noqa: N815
    minNotional: Decimal | None = None  # noqa: N815


class _Symbol(msgspec.Struct):
    symbol: str
    status: str
    baseAsset: str  # noqa: N815
    quoteAsset: str  # noqa: N815
    filters: list[_Filter] = []


class _ExchangeInfo(msgspec.Struct):
    symbols: list[_Symbol]


class BinanceSync(Synchroniser):
    """The rules of Binance spot: every event spans the update ids `U` to `u`, the next one begins at `u` + 1."""

    first_levels = 1000
    least_levels = 100
    quiet_levels = 100
    audit_levels = 1000
    deep_levels = 5000

    def covered(self, diff: Diff, position: int) -> bool:
        """Events with `u` not above the local update id are inside the book."""
        return diff.last <= position

    def gap(self, diff: Diff, position: int) -> str | None:
        """`U` above the local update id + 1: events were lost. (`U` below it is fine: amounts are absolute.)"""
        if diff.first > position + 1:
            return f"updates {position + 1} to {diff.first - 1} are missing"
        return None

    def too_old(self, snapshot: Snapshot, first: Diff) -> bool:
        """The snapshot must reach the first buffered event: U <= lastUpdateId + 1."""
        return first.first > snapshot.position + 1

    def request(self, levels: int) -> tuple[str, int]:
        """A snapshot costs by its depth: only 24 of the deepest fit in a minute."""
        weight = next(weight for most, weight in _WEIGHTS if levels <= most)
        return f"/api/v3/depth?symbol={self.symbol}&limit={levels}", weight


class BinanceProtocol(SyncedProtocol):
    """One connection to Binance, carrying any number of symbols up to the venue's 1024 streams."""

    def __init__(self, instruments: Sequence[Instrument], audit: bool = True) -> None:
        self._audit = audit
        self.syncs: dict[str, BinanceSync] = {}
        self._tickers: dict[str, deque[Audit]] = {}
        self._requests: dict[int, list[str]] = {}  # subscriptions not acknowledged yet: id -> symbols
        self._trade_requests: dict[int, list[str]] = {}  # likewise
        self._request = 0  # the id of the latest
        super().__init__(instruments)
        level: Any = WideLevel if self.wide else Level
        number: Any = Decimal if self.wide else Amount
        self._depth = decoder(_Depth[level]).decode
        self._wrapped_depth = decoder(_Wrapped[_Depth[level]]).decode
        self._ticker = decoder(_Ticker[number]).decode
        self._wrapped_ticker = decoder(_Wrapped[_Ticker[number]]).decode
        self._trade = decoder(_Trade[number]).decode
        self._wrapped_trade = decoder(_Wrapped[_Trade[number]]).decode
        self._snapshot = decoder(_Snapshot[level]).decode

    @property
    def path(self) -> str:
        """The combined stream, event times in microseconds."""
        return "/stream?timeUnit=MICROSECOND"

    def carry(self, instrument: Instrument) -> None:
        """A synchronisation and the best quotes that wait for their diff."""
        self.syncs[instrument.symbol] = BinanceSync(instrument.symbol)
        self._tickers[instrument.symbol] = deque(maxlen=_TICKERS_KEPT)

    def drop(self, symbol: str) -> None:
        """Forgets both, and that an acknowledgement was awaited."""
        del self.syncs[symbol], self._tickers[symbol]
        for waiting in self._requests.values():
            if symbol in waiting:
                waiting.remove(symbol)

    def begin(self, symbols: Sequence[str]) -> list[Action]:
        """Subscribes to all streams of these symbols, few enough in each request."""
        actions: list[Action] = [Become(symbol, State.SYNCING, "subscribing") for symbol in symbols]
        for part, text in self._asked("SUBSCRIBE", symbols, self._channels):
            self._requests[self._request] = part
            actions.append(Send(text))
            actions.append(Timer("", self._request, ACKNOWLEDGED, ACKNOWLEDGED_S))
        return actions

    def end(self, symbols: Sequence[str]) -> list[Action]:
        """Ends them."""
        return [Send(text) for _, text in self._asked("UNSUBSCRIBE", symbols, self._channels)]

    def subscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Every single trade: their ids `t` rise by one."""
        sends = []
        for part, text in self._asked("SUBSCRIBE", symbols, ("trade",)):
            self._trade_requests[self._request] = part
            sends.append(Send(text))
        return sends

    def unsubscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Ends them."""
        return [Send(text) for _, text in self._asked("UNSUBSCRIBE", symbols, ("trade",))]

    @property
    def _channels(self) -> tuple[str, ...]:
        return ("depth@100ms", "bookTicker") if self._audit else ("depth@100ms",)

    def _asked(self, method: str, symbols: Sequence[str], channels: Sequence[str]) -> Iterator[tuple[list[str], str]]:
        """The requests, each with the symbols that it is about."""
        per_request = _STREAMS_PER_REQUEST // 2
        for start in range(0, len(symbols), per_request):
            part = list(symbols[start : start + per_request])
            streams = [f"{symbol.lower()}@{channel}" for channel in channels for symbol in part]
            self._request += 1
            message = {"method": method, "params": streams, "id": self._request}
            yield part, msgspec.json.encode(message).decode()

    def frame(self, frame: bytes) -> list[Action]:
        """Depth events first: they are what the hot path sees."""
        head = frame[:160]
        try:
            if b'"depthUpdate"' in head:
                wrapped = head.startswith(b'{"stream"')
                return self._diff(self._wrapped_depth(frame).data if wrapped else self._depth(frame))
            if b'"B":' in head and b'"e":' not in head:  # the best quote is the one message without an event type
                wrapped = head.startswith(b'{"stream"')
                return self._best_quote(self._wrapped_ticker(frame).data if wrapped else self._ticker(frame))
            if self.trades.wanted and b'"trade"' in head:
                wrapped = head.startswith(b'{"stream"')
                return self._traded(self._wrapped_trade(frame).data if wrapped else self._trade(frame))
            if any(event in head for event in _OTHER_EVENTS):
                return []
            return self._control(frame, msgspec.json.decode(frame))
        except UNREADABLE as error:
            return [Garbage("", f"{type(error).__name__}: {error}", frame)]

    def read_snapshot(self, body: bytes, levels: int) -> Snapshot:
        """`lastUpdateId` tells where the snapshot stands in the stream; it carries no time."""
        told = self._snapshot(body)
        if self.wide:
            check_wide(told.bids, told.asks)
        known_bid = min(told.bids)[0] if len(told.bids) >= levels > 0 else None
        known_ask = max(told.asks)[0] if len(told.asks) >= levels > 0 else None
        return Snapshot(told.lastUpdateId, told.bids, told.asks, 0, known_bid, known_ask)

    def timeout(self, symbol: str, generation: int, purpose: str) -> list[Action]:
        """Timers belong to the synchronisation of a symbol, but for that of a subscription request."""
        if purpose == ACKNOWLEDGED:
            waiting = self._requests.get(generation, [])  # the diffs themselves may have told before
            idle = [symbol for symbol in waiting if self.syncs[symbol].phase is Phase.IDLE]
            return [Reconnect("a subscription was not acknowledged")] if idle else []
        return super().timeout(symbol, generation, purpose)

    def closed(self) -> None:
        """Forgets all that belonged to the connection."""
        super().closed()
        self._requests.clear()
        self._trade_requests.clear()
        for symbol, sync in self.syncs.items():
            sync.closed()
            self._tickers[symbol].clear()

    def _diff(self, event: Any) -> list[Action]:
        sync = self.syncs.get(event.s)
        if sync is None:
            return []
        if self.wide:
            check_wide(event.b, event.a)
        if event.u < event.U:
            raise ValueError(f"update ids {event.U} to {event.u} run backwards")
        actions = sync.diff(Diff(event.U, event.u, event.b, event.a, _ns(event.E)))
        tickers = self._tickers[event.s]
        while tickers and tickers[0].position < event.u:
            tickers.popleft()
        if tickers and tickers[0].position == event.u:
            actions.append(tickers.popleft())
        return actions

    def _best_quote(self, event: Any) -> list[Action]:
        """The best quote of update id `u`: real time, so mostly ahead of the diff that it is compared with."""
        sync = self.syncs.get(event.s)
        if sync is None:
            return []
        bids = [(event.b, event.B)] if event.B else []
        asks = [(event.a, event.A)] if event.A else []
        if self.wide:
            check_wide(bids, asks)
        audit = Audit(event.s, event.u, bids, asks, 1)
        if event.u == sync.position:
            return [audit]
        if event.u > sync.position:
            self._tickers[event.s].append(audit)
        return []

    def _traded(self, event: Any) -> list[Action]:
        """One trade; `T` is the moment of the match."""
        if self.wide:
            check_wide([(event.p, event.q)])
        taker = Taker.SELLER if event.m else Taker.BUYER
        told = Print(event.p, event.q, taker, str(event.t), _ns(event.T), event.t)
        return self.trades.traded(event.s, [told])

    def _control(self, frame: bytes, message: Any) -> list[Action]:
        """Replies to our requests and the venue's announcements."""
        if not isinstance(message, dict):
            return [Garbage("", "no object", frame)]
        data = message.get("data", message)
        if isinstance(data, dict) and data.get("e") == "serverShutdown":
            return [Reconnect("the venue announced a shutdown of this server", overlap=True)]
        # Errors are documented flat and were seen nested on the wire.
        error = message.get("error", message if "code" in message else None)
        number = message["id"] if isinstance(message.get("id"), int) else 0
        symbols = self._requests.pop(number, [])
        trading = self._trade_requests.pop(number, [])
        if error is not None:
            words = error.get("msg", error) if isinstance(error, dict) else error
            if trading:
                return self.trades.refused(trading, str(words)[:200])
            return [Become(symbol, State.DOWN, f"subscription refused: {words}") for symbol in symbols] or [
                Garbage("", f"error reply: {words}", frame)
            ]
        if "result" in message:
            actions = [action for symbol in symbols for action in self.syncs[symbol].subscribed()]
            return [*actions, *self.trades.acknowledged(trading)]
        return [Garbage("", "unexpected message", frame)]


class Binance(Venue):
    """Binance spot."""

    name = "binance"
    hosts: ClassVar[Mapping[str, Address]] = {
        "default": Address("https://data-api.binance.vision", "wss://data-stream.binance.vision"),
        "main": Address("https://api.binance.com", "wss://stream.binance.com:9443"),
        "us": Address("https://api.binance.us", "wss://stream.binance.us:9443"),
    }
    # Five messages a second may come in on a connection, pongs included.
    limits = Limits(
        weight=6000, window_s=60.0, connects=300, connect_window_s=300.0, pairs_per_connection=100, sends_per_s=3
    )
    catalog_path = "/api/v3/exchangeInfo?permissions=SPOT&showPermissionSets=false"
    catalog_weight = 20
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {"audit": ("on", "off")}

    def parse_catalog(self, body: bytes) -> list[Instrument]:
        """The symbols of exchangeInfo. Assets with names that are no plain letters and digits are left out."""
        try:
            info = msgspec.json.decode(body, type=_ExchangeInfo, strict=False)
        except UNREADABLE as error:
            raise GarbageFrame(f"binance: no catalog: {error}") from error
        return [found for symbol in info.symbols if (found := self._instrument(symbol))]

    def protocol(self, instruments: Sequence[Instrument], options: Mapping[str, str]) -> BinanceProtocol:
        """A fresh protocol object for one connection."""
        return BinanceProtocol(instruments, audit=options.get("audit", "on") == "on")

    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        """X-MBX-USED-WEIGHT-1M counts what this address has used in the present minute."""
        value = headers.get("x-mbx-used-weight-1m", "")
        return int(value) if value.isdecimal() else None

    def refusal(self, status: int, body: bytes) -> str:
        """The `msg` of the error body."""
        try:
            error = msgspec.json.decode(body)
            return " ".join(f"{error['msg']} (code {error['code']})".split())[:200]
        except (*UNREADABLE, KeyError, TypeError):
            return super().refusal(status, body)

    def _instrument(self, told: _Symbol) -> Instrument | None:
        filters = {each.filterType: each for each in told.filters}
        price, lot = filters.get("PRICE_FILTER"), filters.get("LOT_SIZE")
        if not (price and lot and is_step(price.tickSize) and is_step(lot.stepSize)):
            return None
        try:
            pair = Pair.parse(f"{told.baseAsset}/{told.quoteAsset}")
        except ValueError:
            return None
        value = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL")
        return Instrument(
            self.name,
            told.symbol,
            pair,
            price.tickSize,
            lot.stepSize,
            value.minNotional if value else None,
            price.maxPrice if price.maxPrice and price.maxPrice.is_finite() else None,
            told.status == "TRADING",
        )


def _ns(event_time: int) -> int:
    """The venue's event time in ns: milliseconds, or microseconds where the connection asked for them."""
    return event_time * (1_000 if event_time > _MICROSECONDS else 1_000_000)
