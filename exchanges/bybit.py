"""Bybit spot, API v5: a snapshot of the subscribed depth, then deltas whose update id `u` rises by one.

Rules after the venue's v5 documentation ("WebSocket public: orderbook", "connect", "rate limit"). A snapshot replaces
the book whenever it comes, also unasked; after a restart of the venue's service it has `u` 1. A jump of `u` means
that deltas were lost: that one symbol is subscribed anew. The REST book carries the `u` of the stream of 1000 levels,
so at this depth, and at no other, the two are compared. `seq` tells which of any two books is the later one, but it
rises while a book stands still, too: it cannot tell equal books, only expose ids that do not belong together.
Trades ("trade" of the same pages) are told at once, many in a message, with ids in which nothing rises by one.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Generic, Literal

import msgspec

from book import Instrument, Pair, Print, State, Taker
from exchanges.actions import Action, Apply, Count, Garbage, Send, Snapshot
from exchanges.decode import UNREADABLE, Amount, L, Level, N, WideLevel, check_wide, decoder, is_step
from exchanges.errors import GarbageFrame
from exchanges.probe import Diff
from exchanges.streamed import Phase, StreamedProtocol
from exchanges.venue import Address, Limits, Venue

COMPARABLE_DEPTH = 1000  # the REST book has the update ids of this stream
_REST_LEVELS = 200  # that a REST book may have by every version of the documentation; newer ones allow 1000
_TOPICS_PER_REQUEST = 10
_IGNORED_IN_A_ROW = 100  # deltas behind a live book: more cannot be what a snapshot was ahead of
_BAN_S = 600.0
_TOPIC = re.compile(rb'"topic" *: *"(orderbook\.[^"]+)"')
_TRADES = "publicTrade."
_TRADES_OF = re.compile(rb'"topic" *: *"publicTrade\.([^"]+)"')
_TAKERS = {"Buy": Taker.BUYER, "Sell": Taker.SELLER}
_NAMED = re.compile(r"orderbook\.\d+\.\w+")  # topics in the words of a refusal
_NAMED_TRADES = re.compile(r"publicTrade\.(\w+)")

Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=9 * 10**12)]  # as nanoseconds they must fit 63 bits


class _Book(msgspec.Struct, Generic[L], gc=False):
    s: str
    u: Id
    b: list[L]
    a: list[L]
    seq: Id
    cts: Milliseconds = 0


class _BookFrame(msgspec.Struct, Generic[L], gc=False):
    topic: str
    type: Literal["snapshot", "delta"]
    data: _Book[L]
    ts: Milliseconds = 0  # when it was pushed
    cts: Milliseconds = 0  # when the matching engine made it


class _Trade(msgspec.Struct, Generic[N], gc=False):
    s: str
    i: str
    p: N
    v: N
    T: Milliseconds
    S: str = ""  # of the taker


class _TradeFrame(msgspec.Struct, Generic[N], gc=False):
    data: list[_Trade[N]]


class _Reply(msgspec.Struct):
    retCode: int  # noqa: N815 - the venue's spelling
    retMsg: str = ""  # noqa: N815
    result: msgspec.Raw = msgspec.Raw(b"{}")


class _LotSize(msgspec.Struct):
    basePrecision: Decimal | None = None  # noqa: N815
    minOrderAmt: Decimal | None = None  # noqa: N815


class _PriceFilter(msgspec.Struct):
    tickSize: Decimal | None = None  # noqa: N815


class _Symbol(msgspec.Struct):
    symbol: str
    status: str
    baseCoin: str  # noqa: N815
    quoteCoin: str  # noqa: N815
    lotSizeFilter: _LotSize = msgspec.field(default_factory=_LotSize)  # noqa: N815
    priceFilter: _PriceFilter = msgspec.field(default_factory=_PriceFilter)  # noqa: N815


class _Symbols(msgspec.Struct):
    symbols: list[_Symbol] = msgspec.field(name="list")


class BybitProtocol(StreamedProtocol):
    """One connection to Bybit spot, subscribed to `depth` levels a side."""

    keepalive_s = 20.0

    def __init__(self, instruments: Sequence[Instrument], depth: int = COMPARABLE_DEPTH) -> None:
        self.depth = depth
        self.probes = depth == COMPARABLE_DEPTH
        self._symbols: dict[str, str] = {}  # by topic
        self._requests = 0
        self._pending: dict[str, str] = {}  # by symbol: the latest subscription, until it is acknowledged
        self._seqs: dict[str, int] = {}  # by symbol: of the last message applied
        self._ignored: dict[str, int] = {}  # by symbol: deltas in a row that were inside the live book already
        self._trade_requests: dict[str, list[str]] = {}  # by their ids, until they are answered
        super().__init__(instruments)
        level: Any = WideLevel if self.wide else Level
        number: Any = Decimal if self.wide else Amount
        self._trades_of = decoder(_TradeFrame[number]).decode
        self._frame = decoder(_BookFrame[level]).decode
        self._rest_book = decoder(_Book[level]).decode

    @property
    def path(self) -> str:
        """The public streams of the spot market."""
        return "/v5/public/spot"

    def carry(self, instrument: Instrument) -> None:
        """Its messages are known by their topic."""
        super().carry(instrument)
        self._symbols[f"orderbook.{self.depth}.{instrument.symbol}"] = instrument.symbol

    def drop(self, symbol: str) -> None:
        """Forgets it, and what was counted for it."""
        super().drop(symbol)
        del self._symbols[f"orderbook.{self.depth}.{symbol}"]
        for kept in (self._pending, self._seqs, self._ignored):
            kept.pop(symbol, None)

    def subscribe(self, symbols: Sequence[str]) -> list[Send]:
        """At most ten topics in a request; one that is wrong fails them all."""
        asked = self._ask("subscribe", self._books_of, symbols)
        self._pending.update({symbol: number for number, part, _ in asked for symbol in part})
        return [send for _, _, send in asked]

    def unsubscribe(self, symbols: Sequence[str]) -> list[Send]:
        """Without it the venue would answer that the topic is subscribed already, and send no snapshot."""
        return [send for _, _, send in self._ask("unsubscribe", self._books_of, symbols)]

    def subscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Likewise, in requests of their own."""
        asked = self._ask("subscribe", _TRADES, symbols)
        self._trade_requests.update({number: part for number, part, _ in asked})
        return [send for _, _, send in asked]

    def unsubscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Likewise."""
        return [send for _, _, send in self._ask("unsubscribe", _TRADES, symbols)]

    @property
    def _books_of(self) -> str:
        return f"orderbook.{self.depth}."

    def keepalive(self) -> list[Send]:
        """The venue closes a connection on which it has heard nothing for ten minutes, and advises 20 s."""
        return [Send('{"req_id":"ping","op":"ping"}')]

    def request(self, symbol: str, *, deep: bool) -> tuple[str, int, int]:
        """Every request counts one, however many levels it asks for."""
        levels = COMPARABLE_DEPTH if deep else _REST_LEVELS
        return f"/v5/market/orderbook?category=spot&symbol={symbol}&limit={levels}", 1, levels

    def frame(self, frame: bytes) -> list[Action]:
        """Books first: they are what the hot path sees."""
        try:
            if b'"topic":"orderbook.' in frame:
                return self._book(self._frame(frame))
            if self.trades.wanted and b'"topic":"publicTrade.' in frame[:64]:
                return self._traded(frame)
            return self._control(frame, msgspec.json.decode(frame))
        except UNREADABLE as error:
            return self._unreadable(f"{type(error).__name__}: {error}", frame)

    def read_snapshot(self, body: bytes, levels: int) -> Snapshot:
        """A REST book. One that `u` and `seq` rank differently against ours counts by other ids, and proves nothing.

        That happens when the venue's service has restarted and our stream was not told.
        """
        told = self._rest_book(_result(body))
        self._check(told)
        book = self.books.get(told.s)
        if book is None:
            raise ValueError(f"a book of {told.s}")
        if book.position and (told.u - book.position) * (told.seq - self._seqs[told.s]) < 0:
            ours = f"u {book.position}, seq {self._seqs[told.s]}"
            raise ValueError(f"u {told.u}, seq {told.seq} cannot be of the stream that stands at {ours}")
        return self._whole(told, min(levels, _REST_LEVELS), told.cts)

    # Books.

    def _book(self, told: Any) -> list[Action]:
        symbol = self._symbols.get(told.topic)
        if symbol is None:
            return []
        data = told.data
        if data.s != symbol:
            raise ValueError(f"a book of {data.s} where one of {symbol} belongs")
        self._check(data)
        milliseconds = told.cts or told.ts
        if told.type == "snapshot":
            return self._replace(self._whole(data, self.depth, milliseconds), data)
        return self._continue(symbol, Diff(data.u, data.u, data.b, data.a, milliseconds * 1_000_000), data.seq)

    def _replace(self, snapshot: Snapshot, data: Any) -> list[Action]:
        """A snapshot replaces the book at any time, whatever its `u`."""
        if snapshot.crossed:
            raise ValueError("a snapshot that is crossed in itself")
        self._seqs[data.s], self._ignored[data.s] = data.seq, 0
        return self.loaded(data.s, snapshot)

    def _continue(self, symbol: str, diff: Diff, seq: int) -> list[Action]:
        """The delta with the next `u` continues a live book; what is inside its snapshot already is ignored."""
        book = self.books[symbol]
        if book.phase is not Phase.LIVE:
            return []  # of the subscription before
        if diff.last == book.position + 1:
            self._seqs[symbol], self._ignored[symbol] = seq, 0
            action = Apply(symbol, diff.bids, diff.asks, diff.last, diff.venue_ns, self.depth)
            return [action, *self.applied(symbol, diff)]
        if diff.last > book.position:
            return self.lost(symbol, State.GAP, f"updates {book.position + 1} to {diff.last - 1} are missing")
        if diff.last == 1:
            return self.lost(symbol, State.GAP, "the venue counts anew, and sent no snapshot")
        self._ignored[symbol] += 1
        if self._ignored[symbol] < _IGNORED_IN_A_ROW:
            return [Count(symbol, "ignored")]
        return self.lost(symbol, State.GAP, f"{_IGNORED_IN_A_ROW} deltas in a row were older than the book")

    def _whole(self, told: Any, least: int, milliseconds: int) -> Snapshot:
        """A side that has fewer than `least` levels is whole; beyond the worst price of another nothing is known."""
        known_bid = min(told.b)[0] if len(told.b) >= least else None
        known_ask = max(told.a)[0] if len(told.a) >= least else None
        return Snapshot(told.u, told.b, told.a, milliseconds * 1_000_000, known_bid, known_ask)

    def _check(self, told: Any) -> None:
        if self.wide:
            check_wide(told.b, told.a)

    # Everything else.

    def resumed(self) -> list[Action]:
        """The next `u` tells what a book lacks; of trades nothing would."""
        return self.trades.all_missed("nothing was heard for a while")

    def closed(self) -> None:
        """Forgets all that belonged to the connection."""
        super().closed()
        self._trade_requests.clear()

    def _traded(self, frame: bytes) -> list[Action]:
        """Trades of one message, the oldest first."""
        prints: dict[str, list[Print]] = {}
        for each in self._trades_of(frame).data:
            if self.wide:
                check_wide([(each.p, each.v)])
            made = Print(each.p, each.v, _TAKERS.get(each.S, Taker.UNKNOWN), each.i, each.T * 1_000_000)
            prints.setdefault(each.s, []).append(made)
        return [action for symbol, made in prints.items() for action in self.trades.traded(symbol, made)]

    def _control(self, frame: bytes, message: Any) -> list[Action]:
        """Replies to our requests, and streams that are none of ours."""
        if not isinstance(message, dict):
            return self._unreadable("no object", frame)
        topic, op = message.get("topic"), message.get("op")
        if isinstance(topic, str):
            if topic.startswith(_TRADES) and self.trades.wanted:
                return self._traded(frame)
            return self._book(self._frame(frame)) if topic.startswith("orderbook.") else []
        if op in ("ping", "pong", "unsubscribe"):
            return []
        if op == "subscribe":
            return self._answered(frame, message)
        if message.get("success") is False:
            return [Garbage("", f"error reply: {message.get('ret_msg')}", frame)]
        return self._unreadable("unexpected message", frame)

    def _answered(self, frame: bytes, message: Any) -> list[Action]:
        """A subscription is acknowledged or refused as a whole; a refusal names the topics that it is about, mostly.

        Those are given up, and the others of the request are asked for again; where none is named, one by one.
        """
        words = " ".join(str(message.get("ret_msg")).split())[:200]
        about_trades = self._trades_answered(message, words)
        if about_trades is not None:
            return about_trades
        named = [self._symbols[topic] for topic in _NAMED.findall(words) if topic in self._symbols]
        request = message.get("req_id") or (self._pending.get(named[0]) if named else None)
        asked = [symbol for symbol, pending in self._pending.items() if pending == request]
        for symbol in asked:
            del self._pending[symbol]
        if message.get("success"):
            return []
        if not asked and not named:
            return [Garbage("", f"error reply: {words}", frame)]
        waiting = [symbol for symbol in dict.fromkeys(asked + named) if self.books[symbol].phase is Phase.WAITING]
        if not named and len(waiting) > 1:
            return [send for symbol in waiting for send in self.subscribe([symbol])]
        about = named or waiting
        again = [symbol for symbol in waiting if symbol not in about]
        actions: list[Action] = list(self.subscribe(again))
        if "already subscribed" not in words:  # else its snapshot may be on its way; if not, a timer begins it anew
            for symbol in waiting:
                actions += self.refused(symbol, f"subscription refused: {words}") if symbol in about else []
        return actions

    def _trades_answered(self, message: Any, words: str) -> list[Action] | None:
        """Likewise for trades; None: it is not about them."""
        named = _NAMED_TRADES.findall(words)
        known = (each for each, part in self._trade_requests.items() if set(named) & set(part))
        number = str(message.get("req_id") or next(known, ""))
        if not named and number not in self._trade_requests:
            return None
        asked = [symbol for symbol in self._trade_requests.pop(number, []) if symbol in self.books]
        if message.get("success") or "already subscribed" in words:
            return self.trades.acknowledged(asked)
        if not named and len(asked) > 1:
            return [send for symbol in asked for send in self.subscribe_trades([symbol])]
        again = [symbol for symbol in asked if named and symbol not in named]
        return [*self.trades.refused(named or asked, words), *self.subscribe_trades(again)]

    def _unreadable(self, kind: str, frame: bytes) -> list[Action]:
        """The next `u` of its book tells; one that names its topic is begun anew at once. Nothing tells of trades."""
        if trade := _TRADES_OF.search(frame):
            name = trade[1].decode("utf-8", "replace")
            return [Garbage(name, kind, frame), *self.trades.missed(name, "a trade could not be read")]
        found = _TOPIC.search(frame)
        symbol = self._symbols.get(found[1].decode("utf-8", "replace")) if found else None
        if symbol is None:
            reason = "a frame could not be read, which may have been a trade"
            return [Garbage("", kind, frame), *self.trades.all_missed(reason)]
        return [Garbage(symbol, kind, frame), *self.garbled([symbol])]

    def _ask(self, op: str, topic: str, symbols: Sequence[str]) -> list[tuple[str, list[str], Send]]:
        """The requests, each with its id and its symbols."""
        asked = []
        for start in range(0, len(symbols), _TOPICS_PER_REQUEST):
            self._requests += 1
            part, number = list(symbols[start : start + _TOPICS_PER_REQUEST]), str(self._requests)
            message = {"req_id": number, "op": op, "args": [topic + symbol for symbol in part]}
            asked.append((number, part, Send(msgspec.json.encode(message).decode())))
        return asked


class Bybit(Venue):
    """Bybit spot. Its replies tell of limits of keys, not of what this address has used."""

    name = "bybit"
    hosts: ClassVar[Mapping[str, Address]] = {
        "default": Address("https://api.bybit.com", "wss://stream.bybit.com"),
        "bytick": Address("https://api.bytick.com", "wss://stream.bybit.com"),
        "testnet": Address("https://api-testnet.bybit.com", "wss://stream-testnet.bybit.com"),
    }
    # The topics of a connection may have 21,000 characters together. Two topics of a pair have 27 and twice its name:
    # 250 of the longest names, of 20, take 17,000.
    limits = Limits(
        weight=600, window_s=5.0, connects=500, connect_window_s=300.0, pairs_per_connection=250, sends_per_s=10
    )
    catalog_path = "/v5/market/instruments-info?category=spot"
    catalog_weight = 1

    def parse_catalog(self, body: bytes) -> list[Instrument]:
        """The symbols of instruments-info, all in one answer. It tells no greatest price."""
        try:
            told = msgspec.json.decode(_result(body), type=_Symbols, strict=False)
        except UNREADABLE as error:
            raise GarbageFrame(f"bybit: no catalog: {error}") from error
        return [found for each in told.symbols if (found := self._instrument(each))]

    def protocol(self, instruments: Sequence[Instrument], options: Mapping[str, str]) -> BybitProtocol:
        """A fresh protocol object for one connection."""
        return BybitProtocol(instruments)

    def ban_s(self, status: int, body: bytes) -> float:
        """403 "access too frequent" wants ten minutes of rest; another 403 is about the country, and lasts."""
        return _BAN_S if status == 403 and b"access too frequent" in body.lower() else 0.0

    def refusal(self, status: int, body: bytes) -> str:
        """The `retMsg` of the error body."""
        try:
            error = msgspec.json.decode(body)
            return " ".join(f"{error['retMsg']} (code {error['retCode']})".split())[:200]
        except (*UNREADABLE, KeyError, TypeError):
            return super().refusal(status, body)

    def _instrument(self, told: _Symbol) -> Instrument | None:
        tick, lot = told.priceFilter.tickSize, told.lotSizeFilter.basePrecision
        try:
            pair = Pair.parse(f"{told.baseCoin}/{told.quoteCoin}")
        except ValueError:
            return None
        if not (is_step(tick) and is_step(lot)):
            return None
        trading = told.status == "Trading"
        return Instrument(self.name, told.symbol, pair, tick, lot, told.lotSizeFilter.minOrderAmt, None, trading)


def _result(body: bytes) -> msgspec.Raw:
    """What a REST reply carries; raises one of UNREADABLE with the venue's words where it is an error."""
    reply = msgspec.json.decode(body, type=_Reply)
    if reply.retCode:
        raise ValueError(f"{reply.retMsg} (code {reply.retCode})")
    return reply.result
