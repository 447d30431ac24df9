"""OKX spot, API v5: the `books` channel, a snapshot of 400 levels a side, then updates that form a chain of ids.

Rules after the venue's API v5 documentation ("WS / Order book channel", "GET / Order book", "WebSocket"):

- A snapshot has `prevSeqId` -1. The `prevSeqId` of every update is the `seqId` of the message before it.
- About 60 s without a change: an update with empty sides and both ids equal, which says that the stream is alive.
- After maintenance the venue may count anew: an update with `seqId` below its `prevSeqId`, which still continues.
- Anything else is a gap; the symbol is unsubscribed and subscribed again.
- Ids count by instrument, alike on all connections, and in the REST book too, where they are those of the whole
  market: they also rise by changes beyond 400 levels, and by those that cancel out between two updates.
- `checksum` is constantly 0 since June 2026; before that it was a CRC-32 over 25 levels a side.
- What falls out of the 400 levels is told as a removal (seen in recorded sessions); we cut all the same.
- The connection is closed after 30 s in which neither side sent anything: the text `ping`, answered by `pong`.
- 480 subscriptions and unsubscriptions an hour and connection.
- Trades: what one order took at one price is told as one, with the id of the last and the `count`; ids rise by one.
  In recorded sessions of 2021 and 2022 the first one is the last of before, marked by nothing but its stamp.
- A notice 64008 says about a minute ahead that the connection will be closed.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Generic

import msgspec

from book import Instrument, Pair, Print, State, Taker
from book.venue_book import Levels
from exchanges.actions import Action, Apply, Become, Count, Garbage, Reconnect, Send, Snapshot, Verify
from exchanges.decode import UNREADABLE, Amount, L, N, Price, TradeNumber, check_wide, decoder, is_step
from exchanges.errors import GarbageFrame
from exchanges.probe import Diff
from exchanges.streamed import Phase, StreamedProtocol
from exchanges.venue import Address, Limits, Venue

DEPTH = 400  # levels a side, in the stream and at most in the REST book
CHECKED_LEVELS = 25  # a side, under the checksum
_SYMBOLS_PER_REQUEST = 100  # far below the 64 KB that a request may have
# 480 requests an hour: a hundred at once, and half a one more with every `ping`, make 460 at most.
_REQUESTS_AT_ONCE = 100.0
_REQUESTS_PER_PING = 0.5
_PING_S = 5.0
# Errors that will be the same next time: no such channel or instrument, login or fee tier wanted.
_FINAL = {"60008", "60011", "60018", "60029", "60030", "64001", "64003"}
_UPGRADE = "64008"
_TRADES = b'{"arg":{"channel":"trades"'
_TAKERS = {"buy": Taker.BUYER, "sell": Taker.SELLER}
_BOOK_OF = re.compile(rb'"channel" *: *"books" *, *"instId" *: *"([^"]+)"')
_NAMED = re.compile(r"instId:([^\s,]+)")

_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Ms = Annotated[int, msgspec.Meta(ge=0, lt=10**13)]


class _Level(msgspec.Struct, array_like=True, gc=False):
    price: Price  # what follows, a constant 0 and the count of orders, is skipped
    amount: Amount


class _WideLevel(msgspec.Struct, array_like=True, gc=False):
    price: Decimal
    amount: Decimal


class _Book(msgspec.Struct, Generic[L], gc=False):
    bids: list[L]
    asks: list[L]
    seqId: _Id  # noqa: N815 - the venue's spelling
    ts: _Ms = 0
    prevSeqId: int = -1  # noqa: N815
    checksum: int = 0


class _Argument(msgspec.Struct, gc=False):
    channel: str
    instId: str = ""  # noqa: N815


class _Push(msgspec.Struct, Generic[L], gc=False):
    arg: _Argument
    action: str
    data: list[_Book[L]]


class _Trade(msgspec.Struct, Generic[N], gc=False):
    instId: str  # noqa: N815
    tradeId: TradeNumber  # noqa: N815
    px: N
    sz: N
    side: str  # of the taker
    ts: _Ms
    count: Annotated[int, msgspec.Meta(ge=1, le=10**6)] = 1


class _Trades(msgspec.Struct, Generic[N], gc=False):
    data: list[_Trade[N]]


class _RestBook(msgspec.Struct, Generic[L]):
    code: str
    msg: str = ""
    data: list[_Book[L]] = []


class _Instrument(msgspec.Struct):
    instId: str  # noqa: N815
    baseCcy: str = ""  # noqa: N815
    quoteCcy: str = ""  # noqa: N815
    tickSz: str = ""  # noqa: N815 - empty until shortly before a listing begins to trade
    lotSz: str = ""  # noqa: N815
    state: str = ""


class _Instruments(msgspec.Struct):
    code: str
    msg: str = ""
    data: list[_Instrument] = []


def checksum(bids: Levels, asks: Levels) -> int:
    """CRC-32, signed, over `price:amount` of bids and asks in turn; a longer side goes on alone."""
    texts = []
    for rank in range(max(len(bids), len(asks))):
        for side in (bids, asks):
            if rank < len(side):
                texts += [text(number) for number in side[rank]]
    found = zlib.crc32(":".join(texts).encode())
    return found - (1 << 32) if found >> 31 else found


def text(number: float | Decimal) -> str:
    """A number as the venue writes it: no exponent, no zeros at the end."""
    plain = format(Decimal(str(number)), "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


class OkxProtocol(StreamedProtocol):
    """One connection to OKX."""

    probes = True
    netting = True
    keepalive_s = _PING_S

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._requests = 0
        self._allowance = _REQUESTS_AT_ONCE
        self._trade_requests: dict[str, list[str]] = {}  # by their ids
        super().__init__(instruments)
        level: Any = _WideLevel if self.wide else _Level
        number: Any = Decimal if self.wide else Amount
        self._trades_of = decoder(_Trades[number]).decode
        self._push = decoder(_Push[level]).decode
        self._rest_book = decoder(_RestBook[level]).decode

    @property
    def path(self) -> str:
        """Where books are served without a login."""
        return "/ws/v5/public"

    def opened(self) -> list[Action]:
        """A new connection has its whole allowance of requests."""
        self._allowance = _REQUESTS_AT_ONCE
        return super().opened()

    def closed(self) -> None:
        """Forgets all that belonged to the connection."""
        super().closed()
        self._trade_requests.clear()

    def subscribe(self, symbols: Sequence[str]) -> list[Send]:
        """Many symbols in a request; each is acknowledged alone."""
        return [send for _, _, send in self._ask("subscribe", "books", symbols)]

    def unsubscribe(self, symbols: Sequence[str]) -> list[Send]:
        """Likewise."""
        return [send for _, _, send in self._ask("unsubscribe", "books", symbols)]

    def subscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Likewise; one that is refused is known by the id of its request."""
        asked = self._ask("subscribe", "trades", symbols)
        self._trade_requests.update({number: part for number, part, _ in asked})
        return [send for _, _, send in asked]

    def unsubscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Likewise."""
        return [send for _, _, send in self._ask("unsubscribe", "trades", symbols)]

    def keepalive(self) -> list[Send]:
        """So often that the answers alone tell a dead connection, whatever the books do."""
        self._allowance = min(self._allowance + _REQUESTS_PER_PING, _REQUESTS_AT_ONCE)
        return [Send("ping")]

    def anew(self, symbols: Sequence[str]) -> list[Action]:
        """Where the connection has no requests left for it, another one takes over."""
        if self._allowance >= 2:
            return super().anew(symbols)
        return [Reconnect("this connection has used up its subscriptions", overlap=True)]

    def request(self, symbol: str, *, deep: bool) -> tuple[str, int, int]:
        """The venue counts requests, not levels: always as deep as the stream."""
        return f"/api/v5/market/books?instId={symbol}&sz={DEPTH}", 1, DEPTH

    def read_snapshot(self, body: bytes, levels: int) -> Snapshot:
        """A REST book; an error comes in the same envelope, mostly with status 200."""
        told = self._rest_book(body)
        if told.code != "0" or len(told.data) != 1:
            raise ValueError(f"no book: {told.msg} (code {told.code})")
        return self._snapshot(told.data[0])

    def frame(self, frame: bytes) -> list[Action]:
        """Books first: they are what the hot path sees."""
        try:
            if b'"action"' in frame[:160]:
                return self._books(self._push(frame))
            if self.trades.wanted and frame.startswith(_TRADES):
                return self._traded(self._trades_of(frame))
            if frame == b"pong":
                return []
            return self._control(frame, msgspec.json.decode(frame))
        except UNREADABLE as error:
            return self._unreadable(f"{type(error).__name__}: {error}", frame)

    def _books(self, push: Any) -> list[Action]:
        symbol = push.arg.instId
        if push.arg.channel != "books" or symbol not in self.books:
            return []
        if push.action not in ("snapshot", "update"):
            raise ValueError(f"unknown action {push.action!r}")
        step = self._first if push.action == "snapshot" else self._next
        return [action for told in push.data for action in step(symbol, self._snapshot(told), told)]

    def _snapshot(self, told: Any) -> Snapshot:
        """The levels of any message. Of a side that is as long as it can be nothing is known beyond its end."""
        bids, asks = ([(level.price, level.amount) for level in side] for side in (told.bids, told.asks))
        if self.wide:
            check_wide(bids, asks)
        known_bid = min(bids)[0] if len(bids) >= DEPTH else None
        known_ask = max(asks)[0] if len(asks) >= DEPTH else None
        return Snapshot(told.seqId, bids, asks, told.ts * 1_000_000, known_bid, known_ask)

    def _first(self, symbol: str, snapshot: Snapshot, told: Any) -> list[Action]:
        """A snapshot replaces the book, at any time."""
        return [*self.loaded(symbol, snapshot), *self._verify(symbol, told.checksum)]

    def _next(self, symbol: str, update: Snapshot, told: Any) -> list[Action]:
        """An update continues the message before it, with whatever id of its own."""
        book = self.books[symbol]
        if book.phase is not Phase.LIVE:
            return []  # of the subscription before
        if told.prevSeqId != book.position:
            if told.seqId == book.position:
                return [Count(symbol, "ignored")]  # the last one again
            missing = f"the update to {told.seqId} continues {told.prevSeqId}, the book is at {book.position}"
            return self.lost(symbol, State.GAP, missing)
        position, bids, asks, venue_ns, *_ = update
        actions: list[Action] = [
            Apply(symbol, bids, asks, position, venue_ns, DEPTH),
            *self._verify(symbol, told.checksum),
        ]
        if position < told.prevSeqId:
            return actions + self._counts_anew(symbol, position)
        return actions + self.applied(symbol, Diff(told.prevSeqId + 1, position, bids, asks, venue_ns))

    def _counts_anew(self, symbol: str, position: int) -> list[Action]:
        """Ids of before and after cannot be compared: what is remembered of the book's past is forgotten."""
        book = self.books[symbol]
        book.position = position
        return book.prober.start(position) if book.prober else []

    def _verify(self, symbol: str, told: int) -> list[Action]:
        return [Verify(symbol, told, checksum, CHECKED_LEVELS)] if told else []

    def _traded(self, told: Any) -> list[Action]:
        """Of any symbols, oldest first. What cannot be read shows in the next number."""
        prints: dict[str, list[Print]] = {}
        for each in sorted(told.data, key=lambda one: one.tradeId):
            if self.wide:
                check_wide([(each.px, each.sz)])
            number, taker = each.tradeId, _TAKERS.get(each.side, Taker.UNKNOWN)
            made = Print(each.px, each.sz, taker, str(number), each.ts * 1_000_000, number, span=each.count)
            prints.setdefault(each.instId, []).append(made)
        return [action for symbol, made in prints.items() for action in self.trades.traded(symbol, made)]

    def _control(self, frame: bytes, message: Any) -> list[Action]:
        """Acknowledgements, notices, errors, other channels."""
        if not isinstance(message, dict):
            return self._unreadable("no object", frame)
        event, argument = message.get("event"), message.get("arg")
        channel = argument.get("channel") if isinstance(argument, dict) else None
        if event in ("subscribe", "unsubscribe"):
            of_trades = event == "subscribe" and channel == "trades"
            return self.trades.acknowledged([str(argument.get("instId"))]) if argument and of_trades else []
        if event == "error":
            return self._error(frame, message)
        if event == "notice" and message.get("code") == _UPGRADE:
            return [Reconnect("the venue announced an upgrade of this server", overlap=True)]
        if "action" in message:  # a push whose fields come in another order
            return self._books(self._push(frame))
        if isinstance(argument, dict) and "data" in message and channel != "books":
            return self._traded(self._trades_of(frame)) if channel == "trades" and self.trades.wanted else []
        return self._unreadable("unexpected message", frame)

    def _error(self, frame: bytes, message: dict[str, Any]) -> list[Action]:
        """The venue's words name the instrument, where it was for one. An unsubscription may fail: it was in vain."""
        words, code = message.get("msg"), str(message.get("code"))
        named = _NAMED.search(words) if isinstance(words, str) else None
        symbol = named[1] if named else ""
        trading = self._trade_requests.get(str(message.get("id")))
        if trading is None and "channel:trades," in str(words):
            trading = list(self.books)
        if trading is not None:
            return self.trades.refused([symbol] if symbol in trading else trading, f"{words} (code {code})"[:200])
        subscribing = not str(message.get("id", "")).startswith("unsubscribe")
        if subscribing and symbol in self.books and self.books[symbol].phase is Phase.WAITING:
            reason = f"subscription refused: {words} (code {code})"
            return self.refused(symbol, reason) if code in _FINAL else [Become(symbol, State.SYNCING, reason)]
        return [Garbage(symbol if symbol in self.books else "", f"error reply: {words} (code {code})", frame)]

    def _unreadable(self, kind: str, frame: bytes) -> list[Action]:
        """The next id of that book would tell; one that names its symbol is begun anew at once."""
        found = _BOOK_OF.search(frame)
        symbol = found[1].decode("utf-8", "replace") if found else ""
        if symbol not in self.books:
            return [Garbage("", kind, frame)]
        return [Garbage(symbol, kind, frame), *self.garbled([symbol])]

    def _ask(self, operation: str, channel: str, symbols: Sequence[str]) -> list[tuple[str, list[str], Send]]:
        """The requests, each with its id and its symbols."""
        asked = []
        for start in range(0, len(symbols), _SYMBOLS_PER_REQUEST):
            self._requests += 1
            self._allowance -= 1
            part = list(symbols[start : start + _SYMBOLS_PER_REQUEST])
            arguments = [{"channel": channel, "instId": symbol} for symbol in part]
            number = f"{operation}{self._requests}"
            message = {"id": number, "op": operation, "args": arguments}
            asked.append((number, part, Send(msgspec.json.encode(message).decode())))
        return asked


class Okx(Venue):
    """OKX spot."""

    name = "okx"
    hosts: ClassVar[Mapping[str, Address]] = {
        "default": Address("https://www.okx.com", "wss://ws.okx.com:8443"),
        "us": Address("https://us.okx.com", "wss://wsus.okx.com:8443"),
        "eea": Address("https://eea.okx.com", "wss://wseea.okx.com:8443"),
    }
    # Books: 40 requests in 2 s; 3 connects a second. A connection should have fewer than 30 books of this depth, the
    # venue advises. A `pong` comes every five seconds.
    limits = Limits(
        weight=40,
        window_s=2.0,
        connects=3,
        connect_window_s=1.0,
        pairs_per_connection=29,
        quiet_s=6.0,
        dead_s=12.0,
        sends_per_s=3,
    )
    catalog_path = "/api/v5/public/instruments?instType=SPOT"
    catalog_weight = 2  # 20 in 2 s

    def parse_catalog(self, body: bytes) -> list[Instrument]:
        """The spot instruments; what is not `live` does not trade."""
        try:
            told = msgspec.json.decode(body, type=_Instruments)
        except UNREADABLE as error:
            raise GarbageFrame(f"okx: no catalog: {error}") from error
        if told.code != "0":
            raise GarbageFrame(f"okx: no catalog: {told.msg} (code {told.code})")
        return [found for each in told.data if (found := self._instrument(each))]

    def protocol(self, instruments: Sequence[Instrument], options: Mapping[str, str]) -> OkxProtocol:
        """A fresh protocol object for one connection."""
        return OkxProtocol(instruments)

    def refusal(self, status: int, body: bytes) -> str:
        """The `msg` of the error body."""
        try:
            error = msgspec.json.decode(body)
            return " ".join(f"{error['msg']} (code {error['code']})".split())[:200]
        except (*UNREADABLE, KeyError, TypeError):
            return super().refusal(status, body)

    def _instrument(self, told: _Instrument) -> Instrument | None:
        try:
            pair = Pair.parse(f"{told.baseCcy}/{told.quoteCcy}")
            tick, lot = Decimal(told.tickSz), Decimal(told.lotSz)
        except (ValueError, ArithmeticError):
            return None
        if not (is_step(tick) and is_step(lot)):
            return None
        return Instrument(self.name, told.instId, pair, tick, lot, trading=told.state == "live")
