"""Coinbase Advanced Trade: a snapshot of the whole book, then updates, numbered over the whole connection.

Rules after the venue's WebSocket documentation ("overview", "channels", "rate limits"), and after recorded sessions
where it is silent:

- The channel is subscribed as `level2` and told as `l2_data`; its sides are `bid` and `offer`. Amounts are totals, 0
  removes; a removal of a level that is not in the book is normal.
- `sequence_num` rises by one with each message, over all channels of a connection. What a missing one held cannot be
  known: every book of the connection begins anew, on this connection, which is sooner done than to make another;
  but one that has lost twice is replaced. A lower number is an old message.
- `heartbeats` come once a second, counted by the venue before its messages are numbered for us. They keep quiet
  channels open and prove that the connection lives: the REST book carries no id that could be compared.
- All updates of a message have one `event_time`, which rises from message to message of a market: the position, and
  the same on every connection. The snapshot may tell the epoch instead; the next update sets it right.
- A market in USDC is mostly another name of the one in USD, whose name the stream uses: its `alias` in the catalog.
- Trades come many in a message, about four times a second, and have numbers of their own.
- Subscribe within 5 s; one channel in a request; at most 8 requests a second from an address.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, TypeVar

import msgspec

from book import Instrument, Print, State
from book.venue_book import Levels
from exchanges.actions import Action, Apply, Count, Garbage, Reconnect, Send, Snapshot, Timer
from exchanges.coinbase_catalog import read_catalog
from exchanges.coinbase_trades import TRADES, TradeReader, number_of
from exchanges.decode import UNREADABLE, Amount, N, Price, Stamp, check_wide, decoder, stamp_ns
from exchanges.probe import Diff
from exchanges.streamed import Phase, StreamedProtocol
from exchanges.venue import Address, Limits, Venue

BOOKS = "l2_data"
HEARTBEAT, PACE = "heartbeat", "pace"  # purposes of timers
_OTHER_CHANNELS = {"subscriptions", TRADES, "ticker", "ticker_batch", "candles", "status"}
_PRODUCTS_PER_REQUEST = 50
_HEARTBEAT_S = 5.0  # within which one of those that come every second must have come
_PACE_S, _SLOWEST_PACE_S = 1.0, 8.0  # between requests to begin books anew; doubles while they go on
_OLD_IN_A_ROW = 10  # messages that look old: the venue counts anew, or one message lied about its number
_AHEAD_NS = 60 * 10**9  # that an event may seem to lie after its message: the clocks of two machines
_PRODUCT = re.compile(r"[A-Z0-9]+-[A-Z0-9]+")

P = TypeVar("P")  # Price or Decimal
Number = Annotated[int, msgspec.Meta(ge=0)]


class _Update(msgspec.Struct, Generic[P, N], gc=False):
    side: Literal["bid", "offer"]
    price_level: P
    new_quantity: N
    event_time: Stamp


class _Event(msgspec.Struct, Generic[P, N], gc=False):
    type: Literal["snapshot", "update"]
    product_id: str
    updates: list[_Update[P, N]] | None = None


class _Books(msgspec.Struct, Generic[P, N], gc=False):
    sequence_num: Number
    timestamp: Stamp
    events: list[_Event[P, N]]


class _Message(msgspec.Struct):
    """Any numbered message."""

    channel: str
    sequence_num: Number
    events: list[Any] | None = None


class _Change(NamedTuple):
    """One event of the book channel, checked."""

    product: str
    whole: bool
    bids: Levels
    asks: Levels
    venue_ns: int  # 0: not told


class CoinbaseProtocol(StreamedProtocol):
    """One connection to Coinbase. Markets that share a book share its stream."""

    patience_s = 30.0  # the snapshots of a connection come one after the other, up to 5 MB each

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._product: dict[str, str] = {}  # by symbol: the name in the stream
        self._symbols: dict[str, list[str]] = {}  # the other way round
        self._forget()
        super().__init__(instruments)
        price: Any = Decimal if self.wide else Price
        amount: Any = Decimal if self.wide else Amount
        self._decode = decoder(_Books[price, amount]).decode
        self._message = decoder(_Message).decode
        self._trades_of = TradeReader(wide=self.wide).read

    def carry(self, instrument: Instrument) -> None:
        """One stream may feed several names."""
        super().carry(instrument)
        product = self._product[instrument.symbol] = instrument.alias_of or instrument.symbol
        self._symbols.setdefault(product, []).append(instrument.symbol)

    def drop(self, symbol: str) -> None:
        """Forgets it."""
        super().drop(symbol)
        product = self._product.pop(symbol)
        self._symbols[product].remove(symbol)
        if not self._symbols[product]:
            del self._symbols[product]
        self._wanted.pop(symbol, None)

    def _forget(self) -> None:
        """What belongs to one connection."""
        self._next: int | None = None  # the number that the next message must have
        self._next_beat: int | None = None
        self._old = 0  # messages in a row with a lower one
        self._losses = 0
        self._heard = self._beaten = False  # a message, a heartbeat, since the last look
        self._bare = False  # at the last look no book was live, after a loss
        self._wanted: dict[str, None] = {}  # symbols to begin anew, in order, as soon as the pace allows
        self._pacing = False
        self._pace_s = _PACE_S

    # Requests.

    @property
    def path(self) -> str:
        """The address has none."""
        return ""

    def opened(self) -> list[Action]:
        """Heartbeats first: they prove life while the snapshots are on their way."""
        look = Timer("", 0, HEARTBEAT, _HEARTBEAT_S)
        return [*self._ask("subscribe", "heartbeats"), *super().opened(), look, self._pace()]

    def subscribe(self, symbols: Sequence[str]) -> list[Send]:
        """Many markets in a request."""
        return self._ask_of("subscribe", "level2", symbols)

    def unsubscribe(self, symbols: Sequence[str]) -> list[Send]:
        """So that the next subscription brings a snapshot."""
        return self._ask_of("unsubscribe", "level2", symbols)

    def end(self, symbols: Sequence[str]) -> list[Action]:
        """A stream that still feeds another name goes on."""
        return super().end(self._whole(symbols))

    def subscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Many markets in a request; each begins with its last hundred, by which a gap of fewer closes."""
        return self._ask_of("subscribe", TRADES, symbols)

    def unsubscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """But for those that still feed another name."""
        return self._ask_of("unsubscribe", TRADES, self._whole(symbols))

    def _whole(self, symbols: Sequence[str]) -> list[str]:
        """Those whose streams feed no other name."""
        going = set(symbols)
        return [each for each in symbols if going.issuperset(self._symbols[self._product[each]])]

    def anew(self, symbols: Sequence[str]) -> list[Action]:
        """At once, or together with others at the next beat of the pace."""
        self._wanted |= dict.fromkeys(symbols)
        return [] if self._pacing else self._ask_anew()

    def unsent(self, symbol: str) -> bool:
        """It waits for the pace."""
        return symbol in self._wanted

    def restart(self, symbols: Sequence[str], state: State, reason: str) -> list[Action]:
        """With the markets that share their streams: those pause too."""
        products = dict.fromkeys(self._product[each] for each in symbols)
        return super().restart([each for product in products for each in self._symbols[product]], state, reason)

    def closed(self) -> None:
        """Forgets all that belonged to the connection."""
        super().closed()
        self._forget()

    def timeout(self, symbol: str, generation: int, purpose: str) -> list[Action]:
        """Besides those of the books: the pace of requests, and the look whether heartbeats come."""
        if purpose == PACE:
            self._pacing = False
            if self._wanted:
                self._pace_s = min(2 * self._pace_s, _SLOWEST_PACE_S)
                return self._ask_anew()
            self._pace_s = _PACE_S
            return []
        return self._look() if purpose == HEARTBEAT else super().timeout(symbol, generation, purpose)

    def _ask_anew(self) -> list[Action]:
        """Unless a snapshot has come by itself."""
        wanted = [each for each in self._wanted if self.books[each].phase is Phase.WAITING]
        self._wanted.clear()
        return [*super().anew(wanted), self._pace()] if wanted else []

    def _pace(self) -> Timer:
        self._pacing = True
        return Timer("", 0, PACE, self._pace_s)

    def _ask_of(self, kind: str, channel: str, symbols: Sequence[str]) -> list[Send]:
        products = list(dict.fromkeys(self._product[each] for each in symbols))
        starts = range(0, len(products), _PRODUCTS_PER_REQUEST)
        parts = [products[start : start + _PRODUCTS_PER_REQUEST] for start in starts]
        return [send for part in parts for send in self._ask(kind, channel, product_ids=part)]

    def _ask(self, kind: str, channel: str, **more: Any) -> list[Send]:
        return [Send(msgspec.json.encode({"type": kind, **more, "channel": channel}).decode())]

    # Messages.

    def frame(self, frame: bytes) -> list[Action]:
        """Books first: they are what the hot path sees."""
        try:
            if b'"channel":"l2_data"' in frame[:32]:
                return self._books(frame)
            if self.trades.wanted and b'"channel":"market_trades"' in frame[:32]:
                return self._traded(*self._trades_of(frame))
            message = msgspec.json.decode(frame)
            if isinstance(message, dict) and message.get("type") == "error":
                return self._error(message, frame)
            told = msgspec.convert(message, _Message, strict=False)
            if told.channel == BOOKS:
                return self._books(frame)
            if told.channel == TRADES and self.trades.wanted:
                return self._traded(*self._trades_of(frame))
            return self._other(told, frame)
        except UNREADABLE as error:
            return self._unreadable(f"{type(error).__name__}: {error}", frame)

    def _books(self, frame: bytes) -> list[Action]:
        """The message is understood whole before anything is done about it."""
        told = self._decode(frame)
        sent_ns = stamp_ns(told.timestamp)
        changes = [self._change(event, sent_ns) for event in told.events if event.product_id in self._symbols]
        actions = self._follow(told.sequence_num)
        if actions is None:
            return [Count(symbol, "ignored") for change in changes for symbol in self._symbols[change.product]]
        for change in changes:
            for symbol in self._symbols[change.product]:
                actions += self._take(symbol, change)
        return actions

    def _change(self, event: Any, sent_ns: int) -> _Change:
        """Raises where its numbers are none; the decoder has looked at all that are no Decimals."""
        updates = event.updates or []
        bids = [(each.price_level, each.new_quantity) for each in updates if each.side == "bid"]
        asks = [(each.price_level, each.new_quantity) for each in updates if each.side == "offer"]
        if self.wide:
            check_wide(bids, asks)
        latest = max((each.event_time for each in updates), default=None)
        venue_ns = stamp_ns(latest) if latest and latest.year > 1970 else 0
        if venue_ns > sent_ns + _AHEAD_NS:
            raise ValueError("an event after the message that tells of it")
        return _Change(event.product_id, event.type == "snapshot", bids, asks, venue_ns)

    def _take(self, symbol: str, change: _Change) -> list[Action]:
        """A snapshot replaces the book at any time; an update continues a live one."""
        _, whole, bids, asks, venue_ns = change
        book = self.books[symbol]
        position = max(venue_ns, book.position + 1)
        if whole:
            return self.loaded(symbol, Snapshot(position, bids, asks, venue_ns, None, None))
        if book.phase is not Phase.LIVE:
            return []  # of the subscription before
        self.applied(symbol, Diff(position, position, bids, asks, venue_ns))
        return [Apply(symbol, bids, asks, position, venue_ns)]

    def _follow(self, number: int) -> list[Action] | None:
        """What a message's number says of those before it; None: it is an old one, to be dropped."""
        expected = number if self._next is None else self._next
        if number < expected:
            self._old += 1
            if self._old < _OLD_IN_A_ROW:
                return None
        self._heard = True
        self._next = number + 1
        old, self._old = self._old, 0
        if number == expected:
            return []
        if number < expected:
            return self._loss(f"{old} messages in a row were older than the books")
        missing = f"{expected} is" if number == expected + 1 else f"{expected} to {number - 1} are"
        return self._loss(f"of the connection's messages {missing} missing")

    def _loss(self, reason: str) -> list[Action]:
        """Nobody knows whose book the lost message was for."""
        self._losses += 1
        self._next_beat = None  # the lost message may have been a heartbeat: one loss is not told twice
        actions = self.all_lost(list(self.books), State.GAP, reason)
        return actions if self._losses < 2 else [*actions, Reconnect(reason, overlap=True)]

    def _other(self, told: _Message, frame: bytes) -> list[Action]:
        """All channels share the numbers."""
        actions = self._follow(told.sequence_num)
        if actions is None:
            return []
        if told.channel == "heartbeats":
            return actions + self._beat(told.events or [], frame)
        if told.channel == "subscriptions":
            return actions + self._subscribed(told.events or [])
        if told.channel not in _OTHER_CHANNELS:
            actions.append(Garbage("", "unexpected channel", frame))
        return actions

    def _traded(self, number: int, prints: Mapping[str, Sequence[Print]]) -> list[Action]:
        """Trades have numbers of their own besides: those of a message that looks old may be news."""
        actions = self._follow(number) or []
        for product, made in prints.items():
            for symbol in self._symbols.get(product, ()):
                actions += self.trades.traded(symbol, made)
        return actions

    def _subscribed(self, events: list[Any]) -> list[Action]:
        """All that is subscribed now, by channel."""
        told = [each.get("subscriptions") for each in events if isinstance(each, dict)]
        channels = [each.get(TRADES) for each in told if isinstance(each, dict)]
        products = [product for names in channels if isinstance(names, list) for product in names]
        symbols = [
            symbol for product in products if isinstance(product, str) for symbol in self._symbols.get(product, ())
        ]
        return self.trades.acknowledged(symbols)

    def _beat(self, events: list[Any], frame: bytes) -> list[Action]:
        """The venue counts its heartbeats before it numbers our messages: a hole here is one that no number shows."""
        counted = events[0].get("heartbeat_counter") if len(events) == 1 and isinstance(events[0], dict) else None
        if not (isinstance(counted, int | str) and str(counted).isdecimal()):
            self._next_beat = None
            return [Garbage("", "a heartbeat without its counter", frame)]
        beat, expected = int(counted), self._next_beat
        self._beaten, self._next_beat = True, beat + 1
        if expected is None or beat == expected:
            return []
        return self._loss(f"heartbeat {beat} came where {expected} was due")

    def _look(self) -> list[Action]:
        """Any message proves that the connection lives; without heartbeats, quiet channels may be closed.

        That a market that is subscribed again gets a snapshot is nowhere promised: if none comes, another connection
        gets one.
        """
        again = Timer("", 0, HEARTBEAT, _HEARTBEAT_S)
        live = [symbol for symbol, book in self.books.items() if book.phase is Phase.LIVE]
        heard, beaten, bare = self._heard, self._beaten, self._bare
        self._heard = self._beaten = False
        self._bare = self._losses > 0 and not live
        if not heard:
            reason = f"no message for {_HEARTBEAT_S:.0f} s, not even a heartbeat"
            return [again, *self.restart(live, State.STALE, reason), Reconnect(reason, overlap=True)]
        if bare and self._bare:
            return [again, Reconnect("no book has come back since a message was lost", overlap=True)]
        return [again] if beaten else [again, *self._ask("subscribe", "heartbeats")]

    def _error(self, message: Any, frame: bytes) -> list[Action]:
        """A request was refused. A market that is named is given up; others may have been refused along with it."""
        words = ": ".join(str(message[key]) for key in ("message", "reason") if key in message)
        waiting = [symbol for symbol, book in self.books.items() if book.phase is Phase.WAITING]
        named = set(_PRODUCT.findall(words))
        if TRADES in words:
            about = [symbol for symbol in self.books if not named or self._product[symbol] in named]
            return self.trades.refused(about, words[:200]) or [Garbage("", f"error reply: {words}", frame)]
        refused = [symbol for symbol in waiting if self._product[symbol] in named]
        if not refused:
            return [Garbage("", f"error reply: {words}", frame)]
        actions = [each for symbol in refused for each in self.refused(symbol, f"subscription refused: {words}")]
        others = [symbol for symbol in waiting if symbol not in refused]
        return [*actions, *self.anew(others)]

    def _unreadable(self, kind: str, frame: bytes) -> list[Action]:
        """Where number and market can be read, only that book is lost; else the next number tells of the loss."""
        try:
            told = self._message(frame)
        except UNREADABLE:
            number = number_of(frame)
            return [Garbage("", kind, frame), *(self._follow(number) or [] if number is not None else [])]
        lost = self._follow(told.sequence_num)
        if lost or lost is None or told.channel != BOOKS:  # dropped, or all books are lost already, or none is
            self._next_beat = None
            return [Garbage("", kind, frame), *(lost or [])]
        reason = "a message could not be read"
        names: list[Any] = [event.get("product_id") for event in told.events or [] if isinstance(event, dict)]
        if not names or len(names) < len(told.events or []) or not all(isinstance(name, str) for name in names):
            return [Garbage("", kind, frame), *self._loss(reason)]
        hit = [symbol for name in dict.fromkeys(names) for symbol in self._symbols.get(name, [])]
        garbage = [Garbage(symbol, kind, frame) for symbol in hit] or [Garbage("", kind, frame)]
        return [*garbage, *self.all_lost(hit, State.GAP, reason)]


class Coinbase(Venue):
    """Coinbase Advanced Trade, spot."""

    name = "coinbase"
    hosts: ClassVar[Mapping[str, Address]] = {
        "default": Address("https://api.coinbase.com", "wss://advanced-trade-ws.coinbase.com"),
    }
    # 10 public REST requests a second. Of connects one page allows 8 a second and another 750, and 8 requests a
    # second may be sent without a key: a connection begins with three. A gap costs all books of a connection, so it
    # carries few. A heartbeat comes every second.
    limits = Limits(
        weight=10,
        window_s=1.0,
        connects=4,
        connect_window_s=1.0,
        pairs_per_connection=20,
        quiet_s=3.0,
        dead_s=6.0,
        sends_per_s=4,
    )
    catalog_path = "/api/v3/brokerage/market/products?product_type=SPOT"
    catalog_weight = 1

    def parse_catalog(self, body: bytes) -> list[Instrument]:
        """The spot products, each with the market whose book it shares."""
        return read_catalog(body, self.name)

    def protocol(self, instruments: Sequence[Instrument], options: Mapping[str, str]) -> CoinbaseProtocol:
        """A fresh protocol object for one connection."""
        return CoinbaseProtocol(instruments)

    def refusal(self, status: int, body: bytes) -> str:
        """The `message` of the error body, with its `error` where there is one."""
        try:
            error = msgspec.json.decode(body)
            return " ".join(f"{error['message']} ({error.get('error', status)})".split())[:200]
        except (*UNREADABLE, KeyError, TypeError):
            return super().refusal(status, body)
