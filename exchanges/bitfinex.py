"""Bitfinex spot, WebSocket v2: a snapshot, then one level a message, numbered over the whole connection.

Rules after the venue's documentation ("ws general", "ws public books", "websocket checksum", "requirements and
limitations"), and after what others have measured where it is silent:

- Flags, sent before all else, add to every array a number that rises by one over all channels of the connection, its
  time in milliseconds, and checksums. Whose message a missing one was cannot be known: all books begin anew.
- A subscription is answered with a number for its channel, which alone links later messages to a symbol.
- A level is [price, count, amount]: amounts of bids are positive, those of asks negative. A count of 0 removes.
- Each channel says "hb" every 15 s, busy or quiet.
- The signed CRC-32 covers the 25 best levels a side, every few seconds while they change, over the numbers as
  JavaScript writes them. So are they in the messages: what a double makes of them is written back to the same text.
- Nothing else proves that a book is right: REST books carry no position, and come from a cache of unknown age.
- The venue tells of what falls out of the subscribed length; we cut all the same.
- Prices have five significant digits, at most eight decimals, and no step of their own.
- Trades ("ws public trades") are channels of their own, numbered with all the rest.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from book import Instrument, State
from book.venue_book import Levels
from exchanges.actions import Action, Apply, Become, Count, Garbage, Reconnect, Send, Snapshot, Timer, Verify
from exchanges.bitfinex_catalog import read_catalog
from exchanges.bitfinex_checksum import CHECKED_LEVELS, checksum
from exchanges.bitfinex_trades import TradeChannels, prints, read_executed, read_recent
from exchanges.decode import UNREADABLE, Price, decoder
from exchanges.probe import Diff
from exchanges.streamed import Phase, StreamedProtocol
from exchanges.venue import Address, Limits, Venue

DEPTHS = ("250", "100", "25")  # that one may subscribe
LOOK, MAINTENANCE = "look", "maintenance"  # purposes of timers
_FLAGS = 32_768 + 65_536 + 131_072  # times, numbers, checksums
_PING_S = 3.0
_LOOK_S = 20.0  # within which each channel must have said something: it does so every 15 s
_MAINTENANCE_S = 150.0  # the venue says 120 at most
_BAN_S = 60.0
_OLD_IN_A_ROW = 10  # messages that look old: the venue counts anew, or one message lied about its number
_RESTARTING, _MAINTENANCE, _OPERATIVE = 20051, 20060, 20061  # codes of `info`
_SUBSCRIBED_ALREADY = 10301  # codes of `error`
_NOT_SUBSCRIBED = (10400, 10401)
_CHANNEL = re.compile(rb"\[ *(\d{1,18}) *,")
_TAIL = re.compile(rb", *(\d{1,18}) *, *\d{13} *\]\s*$")  # the number, and the time behind it

_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Ms = Annotated[int, msgspec.Meta(ge=0, lt=9 * 10**12)]
_Signed = Annotated[float, msgspec.Meta(gt=-1e15, lt=1e15)]


class _Level(msgspec.Struct, array_like=True, gc=False):
    price: Price
    count: _Id
    amount: _Signed


class _Update(msgspec.Struct, array_like=True, gc=False):
    channel: _Id
    level: _Level
    number: _Id
    time: _Ms


class _Whole(msgspec.Struct, array_like=True, gc=False):
    channel: _Id
    levels: list[_Level]
    number: _Id
    time: _Ms


class _Heartbeat(msgspec.Struct, array_like=True, gc=False):
    channel: _Id
    kind: Literal["hb"]
    number: _Id
    time: _Ms


class _Checksum(msgspec.Struct, array_like=True, gc=False):
    channel: _Id
    kind: Literal["cs"]
    told: int
    number: _Id
    time: _Ms


class BitfinexProtocol(StreamedProtocol):
    """One connection to Bitfinex, subscribed to `depth` levels a side.

    All numbers are doubles, at the venue too, and five digits are exact in them: no connection is `wide`.
    """

    keepalive_s = _PING_S

    def __init__(self, instruments: Sequence[Instrument], depth: int = 250) -> None:
        self.depth = depth
        self._trade_channels = TradeChannels()
        self._forget()
        super().__init__(instruments)
        self._update = decoder(_Update).decode
        self._whole = decoder(_Whole).decode
        self._heartbeat = decoder(_Heartbeat).decode
        self._checksum = decoder(_Checksum).decode

    def _forget(self) -> None:
        """What belongs to one connection."""
        self._trade_channels.clear()
        self._symbols: dict[int, str] = {}  # by channel
        self._channels: dict[str, int] = {}  # the other way round
        self._next: int | None = None  # the number that the next message must have
        self._old = 0  # messages in a row with a lower one
        self._losses = 0
        self._heard: set[str] = set()  # symbols whose channels have said something since the last look
        self._paused = False  # the venue is in maintenance
        self._pings = 0

    def drop(self, symbol: str) -> None:
        """Forgets it, and its channel if that is still open."""
        super().drop(symbol)
        self._heard.discard(symbol)
        self._close_channel(symbol)
        self._trade_channels.close(symbol)

    # Requests.

    @property
    def path(self) -> str:
        """Version 2 of the protocol."""
        return "/ws/2"

    def opened(self) -> list[Action]:
        """The flags hold for what is subscribed after them."""
        conf = _send(event="conf", flags=_FLAGS)
        return [conf, *super().opened(), Timer("", 0, LOOK, _LOOK_S)]

    def begin(self, symbols: Sequence[str]) -> list[Action]:
        """In maintenance the venue wants to be left alone."""
        if self._paused:
            return [Become(symbol, State.STALE, "the venue is in maintenance") for symbol in symbols]
        return super().begin(symbols)

    def subscribe(self, symbols: Sequence[str]) -> list[Send]:
        """One symbol in a request: real-time levels at full precision."""
        how = {"channel": "book", "prec": "P0", "freq": "F0", "len": str(self.depth)}
        return [_send(event="subscribe", **how, symbol=symbol) for symbol in symbols]

    def unsubscribe(self, symbols: Sequence[str]) -> list[Send]:
        """By channel. One that is not open yet has nothing to end: it is known when its answer comes."""
        channels = [self._close_channel(symbol) for symbol in symbols]
        return [_send(event="unsubscribe", chanId=channel) for channel in channels if channel is not None]

    def subscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """One symbol in a request, too."""
        if self._paused:
            return []
        return [_send(event="subscribe", channel="trades", symbol=symbol) for symbol in symbols]

    def unsubscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """By channel, too."""
        channels = [self._trade_channels.close(symbol) for symbol in symbols]
        return [_send(event="unsubscribe", chanId=channel) for channel in channels if channel is not None]

    def keepalive(self) -> list[Send]:
        """So often that the answers alone tell a dead connection, whatever the books do."""
        self._pings += 1
        return [_send(event="ping", cid=self._pings)]

    def timeout(self, symbol: str, generation: int, purpose: str) -> list[Action]:
        """Besides those of the books: the look whether channels speak, and the end of a maintenance."""
        if purpose == LOOK:
            return self._look()
        if purpose == MAINTENANCE:
            return [Reconnect("the maintenance does not end", overlap=True)] if self._paused else []
        return super().timeout(symbol, generation, purpose)

    def closed(self) -> None:
        """Forgets all that belonged to the connection."""
        super().closed()
        self._forget()

    def _close_channel(self, symbol: str) -> int | None:
        channel = self._channels.pop(symbol, None)
        if channel is not None:
            del self._symbols[channel]
        return channel

    def _look(self) -> list[Action]:
        """A channel without even a heartbeat has died; its book is begun anew."""
        live = [symbol for symbol, book in self.books.items() if book.phase is Phase.LIVE]
        silent = [symbol for symbol in live if symbol not in self._heard]
        self._heard.clear()
        reason = f"no message of this book for {_LOOK_S:.0f} s, not even a heartbeat"
        return [Timer("", 0, LOOK, _LOOK_S), *self.restart(silent, State.STALE, reason)]

    # Messages of channels.

    def frame(self, frame: bytes) -> list[Action]:
        """Books first: they are what the hot path sees."""
        try:
            if frame[:1] != b"[":
                return self._event(frame, msgspec.json.decode(frame))
            payload = frame[frame.find(b",") + 1 :][:8].replace(b" ", b"")
            if payload[:2] in (b"[[", b"[]"):
                return self._begun(frame)
            if payload[:1] == b"[":
                return self._next_level(self._update(frame))
            if payload[:4] in (b'"te"', b'"tu"'):
                return self._traded(frame)
            if payload[:4] == b'"cs"':
                return self._verify(self._checksum(frame))
            return self._take(self._heartbeat(frame))[1]
        except UNREADABLE as error:
            return self._unreadable(f"{type(error).__name__}: {error}", frame)

    def _first(self, told: _Whole) -> list[Action]:
        """The snapshot of a channel, which replaces the book; nothing is known beyond the end of a full side."""
        bids, asks = _sides(told.levels)
        symbol, actions = self._take(told)
        if symbol is None or self._paused:
            return actions
        venue_ns = told.time * 1_000_000
        position = max(venue_ns, self.books[symbol].position + 1)
        known_bid = min(bids)[0] if len(bids) >= self.depth else None
        known_ask = max(asks)[0] if len(asks) >= self.depth else None
        return [*actions, *self.loaded(symbol, Snapshot(position, bids, asks, venue_ns, known_bid, known_ask))]

    def _next_level(self, told: _Update) -> list[Action]:
        """One level of a live book. No ids: the position is the venue's time, which must not stand still."""
        bids, asks = _sides([told.level])
        symbol, actions = self._take(told)
        if symbol is None or self.books[symbol].phase is not Phase.LIVE:
            return actions
        venue_ns = told.time * 1_000_000
        position = max(venue_ns, self.books[symbol].position + 1)
        self.applied(symbol, Diff(position, position, bids, asks, venue_ns))
        return [*actions, Apply(symbol, bids, asks, position, venue_ns, self.depth)]

    def _verify(self, told: _Checksum) -> list[Action]:
        """Of the book as all messages before have made it; where it is not live, nothing is compared."""
        symbol, actions = self._take(told)
        return actions if symbol is None else [*actions, Verify(symbol, told.told, checksum, CHECKED_LEVELS)]

    def _begun(self, frame: bytes) -> list[Action]:
        """The first message of a channel, of levels or of trades."""
        head = _CHANNEL.match(frame)
        symbol = self._trade_channels.symbol(int(head[1])) if head else None
        if symbol is None:
            return self._first(self._whole(frame))
        told = read_recent(frame)
        made = prints(told.trades, past=True)
        return [*(self._follow(told.number) or []), *self.trades.begun(symbol, made)]

    def _traded(self, frame: bytes) -> list[Action]:
        """A trade. One that comes late, or again, may be news or not: its id tells, and no book is concerned."""
        told = read_executed(frame)
        symbol, made = self._trade_channels.symbol(told.channel), prints([told.trade])
        lost = self._follow(told.number) or []
        if symbol is None or told.kind == "tu":
            return lost
        return [*lost, *self.trades.traded(symbol, made)]

    def _take(self, told: Any) -> tuple[str | None, list[Action]]:
        """Whose message it is, if it is to be followed, and what its number says of those before it."""
        symbol = self._symbols.get(told.channel)
        if symbol is not None:
            self._heard.add(symbol)
        actions = self._follow(told.number)
        if actions is None:
            return None, [] if symbol is None else [Count(symbol, "ignored")]
        return self._symbols.get(told.channel), actions  # a loss has closed its channel

    def _follow(self, number: int) -> list[Action] | None:
        """None: an old message, to be dropped."""
        expected = number if self._next is None else self._next
        if number < expected:
            self._old += 1
            if self._old < _OLD_IN_A_ROW:
                return None
        self._next = number + 1
        old, self._old = self._old, 0
        if number == expected:
            return []
        if number < expected:
            return self._loss(f"{old} messages in a row were older than the books")
        missing = f"{expected} is" if number == expected + 1 else f"{expected} to {number - 1} are"
        return self._loss(f"of the connection's messages {missing} missing")

    def _loss(self, reason: str) -> list[Action]:
        """Nobody knows whose book it was for, but that its channel was open; nor whether it was a trade."""
        self._losses += 1
        books = self.all_lost(list(self._channels), State.GAP, reason)
        actions = [*books, *self.trades.all_missed(reason)]
        return actions if self._losses < 2 else [*actions, Reconnect(reason, overlap=True)]

    def _unreadable(self, kind: str, frame: bytes) -> list[Action]:
        """Where channel and number can be read, only that book is lost; else the next number tells of the loss."""
        tail, head = _TAIL.search(frame), _CHANNEL.match(frame)
        if tail is None:
            return [Garbage("", kind, frame)]
        channel, number = int(head[1]) if head else None, int(tail[1])
        if channel is not None and channel not in self._symbols:  # no book's: whatever it is, its number counts
            return [*(self._follow(number) or []), *self._unread_trade(channel, kind, frame)]
        symbol = "" if channel is None else self._symbols[channel]
        garbage = Garbage(symbol, kind, frame)
        lost = self._follow(number)
        if lost or lost is None:  # all books are lost already, or it is to be dropped
            return [garbage, *(lost or [])]
        return [garbage, *(self.garbled([symbol]) if symbol else self._loss("a message could not be read"))]

    def _unread_trade(self, channel: int, kind: str, frame: bytes) -> list[Action]:
        """Nothing rises by one in trades: what one that cannot be read was is told by nothing else."""
        symbol = self._trade_channels.symbol(channel)
        if symbol is None:
            return []
        return [Garbage(symbol, kind, frame), *self.trades.missed(symbol, "a trade could not be read")]

    # Events, which are not numbered.

    def _event(self, frame: bytes, message: Any) -> list[Action]:
        """Answers, errors, news of the venue."""
        event = message.get("event") if isinstance(message, dict) else None
        if event == "subscribed":
            return self._subscribed(frame, message)
        if event in ("unsubscribed", "pong"):
            return []
        if event == "info":
            return self._info(message)
        if event == "error":
            return self._error(frame, message)
        if event != "conf":
            return [Garbage("", "unexpected message", frame)]
        if message.get("status") == "OK":
            return []
        reason = "the venue does not number its messages"
        return [Garbage("", reason, frame), Reconnect(reason)]

    def _subscribed(self, frame: bytes, message: Any) -> list[Action]:
        """The channel is open. Nobody wants it any more where the symbol was removed meanwhile."""
        symbol, channel, what = message.get("symbol"), message.get("chanId"), message.get("channel")
        if what not in ("book", "trades"):
            return []
        if not (isinstance(symbol, str) and isinstance(channel, int)):
            return [Garbage("", "a subscription without symbol or channel", frame)]
        if symbol not in self.books:
            return [_send(event="unsubscribe", chanId=channel)]
        if what == "trades":
            self._trade_channels.open(symbol, channel)
            return []
        self._close_channel(symbol)
        self._close_channel(self._symbols.get(channel, ""))
        self._symbols[channel], self._channels[symbol] = symbol, channel
        return []

    def _info(self, message: Any) -> list[Action]:
        """The first one tells whether the platform is operative; others come when that changes."""
        code, platform = message.get("code"), message.get("platform")
        if code == _RESTARTING:
            return [Reconnect("the venue announced a restart of this server", overlap=True)]
        if code == _MAINTENANCE or (isinstance(platform, dict) and platform.get("status") == 0):
            return self._pause()
        return self._resume() if code == _OPERATIVE else []

    def _pause(self) -> list[Action]:
        """Nothing is asked for until the end is announced."""
        if self._paused:
            return []
        self._paused = True
        begun = [book for book in self.books.values() if book.phase is not Phase.IDLE]
        for book in begun:
            book.phase = Phase.IDLE
        stale = [Become(book.symbol, State.STALE, "the venue is in maintenance") for book in begun]
        missed = self.trades.all_missed("the venue is in maintenance")
        return [*stale, *missed, Timer("", 0, MAINTENANCE, _MAINTENANCE_S)]

    def _resume(self) -> list[Action]:
        """The venue wants all channels to be subscribed anew."""
        self._paused = False
        symbols = list(self.books)
        ended = [*self.unsubscribe(list(self._channels)), *self.trades.end(symbols)]
        return [*ended, *self.begin(symbols), *self.trades.begin(symbols)]

    def _error(self, frame: bytes, message: Any) -> list[Action]:
        """A request was refused, and is repeated in the answer."""
        code, symbol, channel = message.get("code"), message.get("symbol"), message.get("chanId")
        words = f"{message.get('msg')} (code {code})"
        if code in _NOT_SUBSCRIBED:
            return []  # it was in vain
        if not (isinstance(symbol, str) and symbol in self.books):
            return [Garbage("", f"error reply: {words}", frame)]
        if message.get("channel") == "trades":
            return self._trades_refused(symbol, code, channel, words)
        if self.books[symbol].phase is not Phase.WAITING:
            return [Garbage(symbol, f"error reply: {words}", frame)]
        if code != _SUBSCRIBED_ALREADY:
            return self.refused(symbol, f"subscription refused: {words}")
        if not isinstance(channel, int):
            return []  # a timer asks again
        self._close_channel(symbol)
        return [_send(event="unsubscribe", chanId=channel), *self.subscribe([symbol])]

    def _trades_refused(self, symbol: str, code: object, channel: object, words: str) -> list[Action]:
        """Of trades likewise; they are asked for again later, whatever the reason."""
        if code != _SUBSCRIBED_ALREADY:
            return self.trades.refused([symbol], words)
        if not isinstance(channel, int):
            return []
        self._trade_channels.close(symbol)
        return [_send(event="unsubscribe", chanId=channel), *self.subscribe_trades([symbol])]


def _sides(levels: Sequence[_Level]) -> tuple[Levels, Levels]:
    """Bids and asks; raises where the sign, which tells one from the other, is missing."""
    bids: Levels = []
    asks: Levels = []
    for level in levels:
        amount = level.amount
        if not amount:
            raise ValueError("an amount of 0, which is of no side")
        (bids if amount > 0 else asks).append((level.price, abs(amount) if level.count else 0.0))
    return bids, asks


def _send(**message: Any) -> Send:
    return Send(msgspec.json.encode(message).decode())


class Bitfinex(Venue):
    """Bitfinex spot."""

    name = "bitfinex"
    hosts: ClassVar[Mapping[str, Address]] = {
        "default": Address("https://api-pub.bitfinex.com", "wss://api-pub.bitfinex.com")
    }
    # Only the list of tickers is asked for, 30 times in a minute at most; 20 connects in a minute; 25 channels a
    # connection by one page, 30 by another, and two of a pair. An answer to our `ping` comes every three seconds.
    limits = Limits(
        weight=30, window_s=60.0, connects=20, connect_window_s=60.0, pairs_per_connection=12,
        quiet_s=4.0, dead_s=8.0,
    )  # fmt: skip
    catalog_path = "/v2/tickers?symbols=ALL"  # the lists of pairs say nothing of prices, and so of their steps
    catalog_weight = 1
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {"depth": DEPTHS}

    def parse_catalog(self, body: bytes) -> list[Instrument]:
        """The spot pairs of the tickers: no funding, no perpetuals, no markets in play money."""
        return read_catalog(body, self.name)

    def protocol(self, instruments: Sequence[Instrument], options: Mapping[str, str]) -> BitfinexProtocol:
        """A fresh protocol object for one connection."""
        return BitfinexProtocol(instruments, int(options.get("depth", DEPTHS[0])))

    def ban_s(self, status: int, body: bytes) -> float:
        """Who asks too often is refused for a minute."""
        return _BAN_S if b"ERR_RATE_LIMIT" in body else 0.0

    def refusal(self, status: int, body: bytes) -> str:
        """The words of ["error", code, words]."""
        try:
            _, code, words = msgspec.json.decode(body, type=tuple[str, int, str])
        except UNREADABLE:
            return super().refusal(status, body)
        return " ".join(f"{words} (code {code})".split())[:200]
