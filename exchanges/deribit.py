"""Deribit spot and perpetuals: a snapshot, then changes, each of which names the change before it.

Rules after the venue's API documentation: "public/subscribe", "book.(instrument_name).(interval)",
"public/get_order_book", "public/get_instruments", "public/set_heartbeat", and its articles on connections and limits.

- All talk is JSON-RPC. One channel a book; a subscription's first message is the whole book, with its `change_id`.
- A change continues the book whose `change_id` is its `prev_change_id`. The ids are one counter for many instruments,
  so they jump: nothing else proves that no change was lost.
- "new" and "change" set a price's amount, "delete" removes it.
- A subscription to a channel that is open brings no snapshot: to begin anew, unsubscribe first.
- The result of a subscription lists the accepted channels; an unknown one is left out without a word.
- Trades are numbered by instrument; spot that is routed to another venue has books, and no trades.
- Once heartbeats are asked for, the venue sends test requests and closes a connection that does not answer them.
- Requests cost credits, subscriptions most of all, and whoever has none left is cut off.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Generic, Literal

import msgspec

from book import Instrument, State
from book.venue_book import Levels
from exchanges.actions import Action, Apply, Become, Count, Garbage, Send, Snapshot, Timer
from exchanges.decode import UNREADABLE, Amount, L, Level, Price, WideLevel, check_wide, decoder
from exchanges.deribit_catalog import read_catalog
from exchanges.deribit_trades import TRADES, TradeReader
from exchanges.probe import Diff
from exchanges.streamed import Phase, StreamedProtocol
from exchanges.venue import Address, Limits, Venue

INTERVALS = ("100ms", "agg2")  # of the messages of a book; agg2: about a second
RENEW = "renew"  # the purpose of the timer between two rounds of resubscriptions
_CHANNELS_PER_REQUEST = 500
_RENEW_S = 1.0  # an unsubscription and a subscription a second: 6,000 of the 10,000 credits that come back in it
_HEARTBEAT_S = 10  # the shortest that the venue takes
_COMPARED_LEVELS = 1000  # a side, of REST books; nearly always the whole book, and it costs the same as one level
_BOOK_CREDITS, _CATALOG_CREDITS = 500, 10_000
# Too many requests, timeouts, maintenance, not ready: what may be asked again.
_PASSING = frozenset((10028, 10040, 10041, 10047, 10066, 11051, 11094, 13028, 13888))
_BOOK, _HEAD = b'"channel":"book.', 96  # where a book's message names its channel
_TRADES = b'"channel":"trades.'
_CHANNEL = re.compile(rb'"channel" *: *"(book\.[^"]+)"')

_Id = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=10**12 * 9)]  # fits an int64 in ns
_Verb = Literal["new", "change", "delete"]
_Entry = tuple[_Verb, Price, Amount]
_WideEntry = tuple[_Verb, Decimal, Decimal]


class _Book(msgspec.Struct, Generic[L], gc=False):
    type: Literal["snapshot", "change"]
    instrument_name: str
    change_id: _Id
    bids: list[L]
    asks: list[L]
    timestamp: _Milliseconds = 0
    prev_change_id: _Id | None = None  # absent or null in a snapshot


class _Told(msgspec.Struct, Generic[L], gc=False):
    channel: str
    data: _Book[L]


class _Frame(msgspec.Struct, Generic[L], gc=False):
    params: _Told[L]


class _RestBook(msgspec.Struct, Generic[L], gc=False):
    change_id: _Id
    bids: list[L]
    asks: list[L]
    timestamp: _Milliseconds = 0


class _RestReply(msgspec.Struct, Generic[L], gc=False):
    result: _RestBook[L]


class DeribitProtocol(StreamedProtocol):
    """One connection to Deribit, with one channel a book."""

    probes = True
    netting = True  # not documented either way
    keepalive_s = 3.0 * _HEARTBEAT_S

    def __init__(self, instruments: Sequence[Instrument], interval: str = INTERVALS[0]) -> None:
        self._interval = interval
        self._channels: dict[str, str] = {}
        self._symbols: dict[str, str] = {}  # the other way round
        self._trade_channels: dict[str, str] = {}
        self._requests = 0
        self._asked: dict[int, list[str]] = {}  # subscriptions that are not answered yet: id -> symbols
        self._trades_asked: dict[int, list[str]] = {}  # likewise
        self._renewals: dict[str, None] = {}  # symbols that wait to be subscribed anew, in their order
        self._resting = False  # resubscriptions went out less than _RENEW_S ago
        self._beat = False  # a heartbeat came since the last look
        super().__init__(instruments)
        self._none: Any = Decimal(0) if self.wide else 0.0
        entry: Any = _WideEntry if self.wide else _Entry
        level: Any = WideLevel if self.wide else Level
        self._frame = decoder(_Frame[entry]).decode
        self._rest = decoder(_RestReply[level]).decode
        self._trades_of = TradeReader(wide=self.wide).read

    @property
    def path(self) -> str:
        """Version 2 of the protocol."""
        return "/ws/api/v2"

    def carry(self, instrument: Instrument) -> None:
        """Its messages are known by their channel."""
        super().carry(instrument)
        channel = f"book.{instrument.symbol}.{self._interval}"
        self._channels[instrument.symbol], self._symbols[channel] = channel, instrument.symbol
        self._trade_channels[instrument.symbol] = f"{TRADES}{instrument.symbol}.{self._interval}"

    def drop(self, symbol: str) -> None:
        """Forgets it, and that an answer was awaited."""
        super().drop(symbol)
        for waiting in self._asked.values():
            if symbol in waiting:
                waiting.remove(symbol)
        del self._symbols[self._channels.pop(symbol)], self._trade_channels[symbol]
        self._renewals.pop(symbol, None)

    # What we ask for.

    def opened(self) -> list[Action]:
        """Heartbeats, then all books."""
        return [self._ask_heartbeats(), *super().opened()]

    def subscribe(self, symbols: Sequence[str]) -> list[Send]:
        """As many channels in a request as the venue takes: it costs the same as one."""
        return self._on_channels("public/subscribe", self._channels, symbols, self._asked)

    def unsubscribe(self, symbols: Sequence[str]) -> list[Send]:
        """Likewise."""
        return self._on_channels("public/unsubscribe", self._channels, symbols)

    def subscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Likewise; as often as messages of the books."""
        return self._on_channels("public/subscribe", self._trade_channels, symbols, self._trades_asked)

    def unsubscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Likewise."""
        return self._on_channels("public/unsubscribe", self._trade_channels, symbols)

    def anew(self, symbols: Sequence[str]) -> list[Action]:
        """At once, or together with all others that are lost before the next second begins."""
        self._renewals.update(dict.fromkeys(symbols))
        return [] if self._resting else self._renew()

    def unsent(self, symbol: str) -> bool:
        """It waits for the next second."""
        return symbol in self._renewals

    def keepalive(self) -> list[Send]:
        """Heartbeats keep the connection open, and us informed; they are asked for again where none has come."""
        beat, self._beat = self._beat, False
        return [] if beat else [self._ask_heartbeats()]

    def request(self, symbol: str, *, deep: bool) -> tuple[str, int, int]:
        """The REST book has the ids of the stream."""
        path = f"/api/v2/public/get_order_book?instrument_name={symbol}&depth={_COMPARED_LEVELS}"
        return path, _BOOK_CREDITS, _COMPARED_LEVELS

    # What the venue says.

    def frame(self, frame: bytes) -> list[Action]:
        """Books first: they are what the hot path sees."""
        try:
            if _BOOK in frame[:_HEAD]:
                return self._book(self._frame(frame).params)
            if self.trades.wanted and _TRADES in frame[:_HEAD]:
                return self._traded(frame)
            return self._control(frame, msgspec.json.decode(frame))
        except UNREADABLE as error:
            return self._unreadable(f"{type(error).__name__}: {error}", frame)

    def read_snapshot(self, body: bytes, levels: int) -> Snapshot:
        """A side with fewer levels than were asked for is whole."""
        told = self._rest(body).result
        if self.wide:
            check_wide(told.bids, told.asks)
        known_bid = min(told.bids)[0] if len(told.bids) >= levels > 0 else None
        known_ask = max(told.asks)[0] if len(told.asks) >= levels > 0 else None
        return Snapshot(told.change_id, told.bids, told.asks, told.timestamp * 1_000_000, known_bid, known_ask)

    def timeout(self, symbol: str, generation: int, purpose: str) -> list[Action]:
        """Besides those of the base: the next resubscriptions may go out."""
        return self._renew() if purpose == RENEW else super().timeout(symbol, generation, purpose)

    def closed(self) -> None:
        """Forgets all that belonged to the connection."""
        super().closed()
        self._asked.clear()
        self._trades_asked.clear()
        self._renewals.clear()
        self._resting = self._beat = False

    # Books.

    def _book(self, told: Any) -> list[Action]:
        """A whole book replaces ours at any time; a change must continue it."""
        symbol = self._symbols.get(told.channel)
        if symbol is None:
            return []
        data = told.data
        if data.instrument_name != symbol:
            raise ValueError(f"a book of {data.instrument_name!r} on the channel of another")
        bids, asks = self._levels(data.bids), self._levels(data.asks)
        if self.wide:
            check_wide(bids, asks)
        venue_ns = data.timestamp * 1_000_000
        if data.type == "snapshot":
            return self.loaded(symbol, Snapshot(data.change_id, bids, asks, venue_ns, None, None))
        diff = Diff(data.change_id, data.change_id, bids, asks, venue_ns)
        return self._change(self.books[symbol].position, symbol, data.prev_change_id, diff)

    def _change(self, position: int, symbol: str, before: int | None, diff: Diff) -> list[Action]:
        """The change that follows `before`, which must be where the book stands."""
        if self.books[symbol].phase is not Phase.LIVE:
            return []  # of the subscription before
        if before != position:
            if diff.last == position:
                return [Count(symbol, "ignored")]  # told twice
            return self.lost(symbol, State.GAP, f"change {diff.last} follows {before}, the book stands at {position}")
        if diff.last < position:
            raise ValueError(f"change {diff.last} follows {before}: the ids run backwards")
        probe = self.applied(symbol, diff)
        return [Apply(symbol, diff.bids, diff.asks, diff.last, diff.venue_ns), *probe]

    def _levels(self, entries: Sequence[tuple[str, Any, Any]]) -> Levels:
        """What a "delete" says of the amount does not matter."""
        none = self._none
        return [(price, none if verb == "delete" else amount) for verb, price, amount in entries]

    def _unreadable(self, kind: str, frame: bytes) -> list[Action]:
        """One that names its channel took something from that book; for any other the next change's id will tell."""
        found = _CHANNEL.search(frame)
        symbol = self._symbols.get(found[1].decode("utf-8", "replace"), "") if found else ""
        return [Garbage(symbol, kind, frame), *(self.garbled([symbol]) if symbol else ())]

    # All else.

    def _control(self, frame: bytes, message: Any) -> list[Action]:
        """Heartbeats, replies, and books whose parts came in another order."""
        if not isinstance(message, dict):
            return self._unreadable("no object", frame)
        params = message.get("params")
        if message.get("method") == "heartbeat":
            return self._heartbeat(params)
        if message.get("method") == "subscription" and isinstance(params, dict):
            channel = str(params.get("channel"))
            if channel.startswith(TRADES) and self.trades.wanted:
                return self._traded(frame)
            return self._book(self._frame(frame).params) if channel.startswith("book.") else []
        if "result" in message or "error" in message:
            return self._reply(frame, message)
        return self._unreadable("unexpected message", frame)

    def _heartbeat(self, params: Any) -> list[Action]:
        """A test request is to be answered by a call of public/test; unanswered, the venue closes the connection."""
        self._beat = True
        wants_answer = isinstance(params, dict) and params.get("type") == "test_request"
        return [self._call("public/test")] if wants_answer else []

    def _reply(self, frame: bytes, message: Any) -> list[Action]:
        """To a subscription: the accepted channels. Of other replies only errors are news."""
        number, result = message.get("id"), message.get("result")
        symbols = self._asked.pop(number, []) if isinstance(number, int) else []
        trading = self._trades_asked.pop(number, []) if isinstance(number, int) else []
        if trading:
            return self._trades_answered(message, trading)
        if "error" in message:
            return self._error(frame, message["error"], symbols)
        if not symbols:
            return []
        if not isinstance(result, list):
            return [Garbage("", "a reply to a subscription without channels", frame)]
        accepted = {each for each in result if isinstance(each, str)}
        missing = [symbol for symbol in symbols if self._channels[symbol] not in accepted]
        return [
            action
            for symbol in missing
            for action in self.refused(symbol, f"subscription refused: the venue has no {self._channels[symbol]}")
        ]

    def _traded(self, frame: bytes) -> list[Action]:
        """One that cannot be read shows in the next number."""
        prints = self._trades_of(frame)
        return [action for symbol, made in prints.items() for action in self.trades.traded(symbol, made)]

    def _trades_answered(self, message: Any, symbols: Sequence[str]) -> list[Action]:
        """Of a spot market that is routed to another venue there are none: the result leaves its channel out."""
        if "error" in message:
            return self.trades.refused(symbols, _words(message["error"]) or "no reason given")
        result = message.get("result")
        known = {each for each in result if isinstance(each, str)} if isinstance(result, list) else set()
        accepted = [symbol for symbol in symbols if self._trade_channels.get(symbol) in known]
        left_out = [symbol for symbol in symbols if symbol not in accepted]
        actions = self.trades.acknowledged(accepted)
        for symbol in left_out:
            actions += self.trades.refused([symbol], f"the venue has no {TRADES}{symbol}.{self._interval}")
        return actions

    def _error(self, frame: bytes, error: Any, symbols: Sequence[str]) -> list[Action]:
        """A refused subscription; where that may pass, the timer of the snapshot asks again."""
        words = _words(error) or "no reason given"
        if not symbols:
            return [Garbage("", f"error reply: {words}", frame)]
        code = error.get("code") if isinstance(error, dict) else None
        if isinstance(code, int) and code in _PASSING:
            waiting = [symbol for symbol in symbols if self.books[symbol].phase is Phase.WAITING]
            return [Become(symbol, State.SYNCING, f"subscription postponed: {words}") for symbol in waiting]
        return [a for symbol in symbols for a in self.refused(symbol, f"subscription refused: {words}")]

    # Requests.

    def _renew(self) -> list[Action]:
        """Subscribes anew to all that wait for it; then none for a while."""
        symbols = [symbol for symbol in self._renewals if self.books[symbol].phase is Phase.WAITING]
        self._renewals.clear()
        self._resting = bool(symbols)
        if not symbols:
            return []
        return [*self.unsubscribe(symbols), *self.subscribe(symbols), Timer("", 0, RENEW, _RENEW_S)]

    def _ask_heartbeats(self) -> Send:
        return self._call("public/set_heartbeat", interval=_HEARTBEAT_S)

    def _on_channels(
        self,
        method: str,
        channels: Mapping[str, str],
        symbols: Sequence[str],
        asked: dict[int, list[str]] | None = None,
    ) -> list[Send]:
        """`asked`: where the symbols of each request are kept until the answer."""
        sends = []
        for start in range(0, len(symbols), _CHANNELS_PER_REQUEST):
            part = list(symbols[start : start + _CHANNELS_PER_REQUEST])
            sends.append(self._call(method, channels=[channels[symbol] for symbol in part]))
            if asked is not None:
                asked[self._requests] = part
        return sends

    def _call(self, method: str, **params: Any) -> Send:
        self._requests += 1
        message = {"jsonrpc": "2.0", "id": self._requests, "method": method, "params": params}
        return Send(msgspec.json.encode(message).decode())


class Deribit(Venue):
    """Deribit: spot as BASE/QUOTE, perpetuals as BASE/QUOTE-PERP, inverse ones as BASE/USD-INVERSE."""

    name = "deribit"
    hosts: ClassVar[Mapping[str, Address]] = {
        "default": Address("https://www.deribit.com", "wss://www.deribit.com"),
        "test": Address("https://test.deribit.com", "wss://test.deribit.com"),
    }
    # Credits. Those of an address without a login are not published: half of what a login has, which is 10,000 a
    # second and 50,000 at once. An address may hold 32 connections, REST included. A heartbeat comes in 12 s at most.
    limits = Limits(
        weight=50_000, window_s=10.0, connects=30, connect_window_s=60.0, pairs_per_connection=500, dead_s=15.0,
        sends_per_s=3,
    )  # fmt: skip
    # Two kinds are wanted and one may be named: the whole list, some 5 MB.
    catalog_path = "/api/v2/public/get_instruments?currency=any&expired=false"
    catalog_weight = _CATALOG_CREDITS
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {"interval": INTERVALS}

    def parse_catalog(self, body: bytes) -> list[Instrument]:
        """Spot and perpetuals; dated futures, options and combinations are left out."""
        return read_catalog(body, self.name)

    def protocol(self, instruments: Sequence[Instrument], options: Mapping[str, str]) -> DeribitProtocol:
        """A fresh protocol object for one connection."""
        return DeribitProtocol(instruments, options.get("interval", INTERVALS[0]))

    def refusal(self, status: int, body: bytes) -> str:
        """The message of the error, and what it says of the reason."""
        try:
            error = msgspec.json.decode(body)["error"]
        except (*UNREADABLE, LookupError, TypeError):
            error = None
        return (_words(error) if isinstance(error, dict) else "") or super().refusal(status, body)


def _words(error: Any) -> str:
    """The venue's own words, on one line: what, which code, and why."""
    if not isinstance(error, dict):
        return " ".join(str(error or "").split())[:200]
    data = error.get("data")
    why = [str(data[key]) for key in ("reason", "param") if data.get(key)] if isinstance(data, dict) else []
    told = f"{error.get('message', 'error')} (code {error.get('code')})"
    return " ".join(f"{told}{': ' if why else ''}{', '.join(why)}".split())[:200]
