"""Kraken spot, WebSocket v2: a snapshot, then updates, each proven by a checksum over the ten best levels a side.

Rules after the venue's WebSocket v2 documentation ("book" channel, "book checksum guide"). There is no sequence
number: the checksum is the only proof that nothing was lost, and it comes with every message. The venue tells of no
removal of what falls out of the subscribed depth, so each side is cut to it after every message. The REST book tells
no time either: it is compared with ours only where the stream says nothing before and after it was asked for.
"""

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Generic

import msgspec

from book import Instrument, Pair, Print, State, Taker
from book.venue_book import Levels
from exchanges.actions import Action, Apply, Garbage, Send, Snapshot, Verify
from exchanges.decode import (
    UNREADABLE,
    Amount,
    L,
    N,
    Price,
    Stamp,
    TradeNumber,
    check_wide,
    decoder,
    is_step,
    stamp_ns,
)
from exchanges.errors import GarbageFrame
from exchanges.probe import Diff
from exchanges.streamed import Phase, StreamedProtocol
from exchanges.venue import Address, Limits, Venue

DEPTHS = ("1000", "500", "100", "25", "10")  # that one may subscribe
CHECKED_LEVELS = 10  # a side, under the checksum
_SYMBOLS_PER_REQUEST = 100
_NEW_NAMES = {"XBT": "BTC", "XDG": "DOGE"}  # the catalog still has the old ones, the stream does not
_OLD_NAMES = {new: old for old, new in _NEW_NAMES.items()}  # so has the REST book
_REST_LEVELS = 500  # a side, at most
_SYMBOL = re.compile(rb'"symbol" *: *"([^"]+)"')
_TRADES = b'"channel":"trade"'
_TAKERS = {"buy": Taker.BUYER, "sell": Taker.SELLER}


class _Level(msgspec.Struct, Generic[N], gc=False):
    price: N
    qty: N


class _Book(msgspec.Struct, Generic[N], gc=False):
    symbol: str
    checksum: int
    bids: list[_Level[N]] = []
    asks: list[_Level[N]] = []
    timestamp: Stamp | None = None


class _BookFrame(msgspec.Struct, Generic[N], gc=False):
    type: str
    data: list[_Book[N]]


class _Trade(msgspec.Struct, Generic[N], gc=False):
    symbol: str
    side: str  # of the taker
    price: N
    qty: N
    trade_id: TradeNumber  # a sequence number of the pair
    timestamp: Stamp


class _TradeFrame(msgspec.Struct, Generic[N], gc=False):
    type: str
    data: list[_Trade[N]]


class _RestLevel(msgspec.Struct, array_like=True, gc=False):
    price: Price  # what follows, the time of its last change in seconds, is skipped
    amount: Amount


class _WideLevel(msgspec.Struct, array_like=True, gc=False):
    price: Decimal
    amount: Decimal


class _RestBook(msgspec.Struct, Generic[L], gc=False):
    bids: list[L]
    asks: list[L]


class _Depth(msgspec.Struct, Generic[L], gc=False):
    error: list[str]
    result: dict[str, _RestBook[L]] = {}


class _AssetPair(msgspec.Struct):
    wsname: str = ""
    pair_decimals: int = 0
    lot_decimals: int = 0
    tick_size: Decimal | None = None
    costmin: Decimal | None = None
    status: str = "online"


class _AssetPairs(msgspec.Struct):
    error: list[str]
    result: dict[str, _AssetPair] = {}


def checksum(bids: Levels, asks: Levels, price_decimals: int, amount_decimals: int) -> int:
    """CRC-32 over the best levels, asks first: price, amount in full precision, without point and leading zeros."""
    text = "".join(
        f"{price:.{price_decimals}f}".replace(".", "").lstrip("0")
        + f"{amount:.{amount_decimals}f}".replace(".", "").lstrip("0")
        for levels in (asks, bids)
        for price, amount in levels
    )
    return zlib.crc32(text.encode())


class KrakenProtocol(StreamedProtocol):
    """One connection to Kraken, subscribed to `depth` levels a side."""

    probes = netting = True
    audits = False

    def __init__(self, instruments: Sequence[Instrument], depth: int = 1000) -> None:
        self.depth = depth
        self._checksums: dict[str, Callable[[Levels, Levels], int]] = {}
        self._requests = 0
        self._trade_requests: dict[int, list[str]] = {}
        super().__init__(instruments)
        number: Any = Decimal if self.wide else Amount
        level: Any = _WideLevel if self.wide else _RestLevel
        self._frame = decoder(_BookFrame[number]).decode
        self._trade_frame = decoder(_TradeFrame[number]).decode
        self._rest_book = decoder(_Depth[level]).decode

    @property
    def path(self) -> str:
        """Version 2 of the protocol."""
        return "/v2"

    def carry(self, instrument: Instrument) -> None:
        """The checksum is over the texts that its precisions make."""
        super().carry(instrument)
        self._checksums[instrument.symbol] = partial(
            checksum, price_decimals=instrument.price_decimals, amount_decimals=instrument.amount_decimals
        )

    def drop(self, symbol: str) -> None:
        """Forgets it."""
        super().drop(symbol)
        del self._checksums[symbol]

    def subscribe(self, symbols: Sequence[str]) -> list[Send]:
        """Many symbols in a request; each is acknowledged alone."""
        return self._ask("subscribe", symbols, channel="book", depth=self.depth, snapshot=True)

    def unsubscribe(self, symbols: Sequence[str]) -> list[Send]:
        """With the depth of the subscription."""
        return self._ask("unsubscribe", symbols, channel="book", depth=self.depth)

    def subscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Begun with the last fifty, by which a gap of fewer closes."""
        return self._ask("subscribe", symbols, channel="trade", snapshot=True)

    def unsubscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """Likewise."""
        return self._ask("unsubscribe", symbols, channel="trade")

    def request(self, symbol: str, *, deep: bool) -> tuple[str, int, int]:
        """Under the older names, as deep as there is."""
        name = "".join(_OLD_NAMES.get(asset, asset) for asset in symbol.split("/"))
        return f"/0/public/Depth?pair={name}&count={_REST_LEVELS}", 1, _REST_LEVELS

    def read_snapshot(self, body: bytes, levels: int) -> Snapshot:
        """A REST book, of whatever moment; errors come with status 200."""
        told = self._rest_book(body)
        if told.error or len(told.result) != 1:
            raise ValueError(f"no book: {', '.join(told.error)}")
        book = next(iter(told.result.values()))
        bids, asks = ([(level.price, level.amount) for level in side] for side in (book.bids, book.asks))
        if self.wide:
            check_wide(bids, asks)
        known_bid = min(bids)[0] if len(bids) >= levels else None
        known_ask = max(asks)[0] if len(asks) >= levels else None
        return Snapshot(0, bids, asks, 0, known_bid, known_ask)

    def placed(self, symbol: str, told: Snapshot) -> Snapshot:
        """Right after ours: any update that comes before they are compared shows that the stream is not dead."""
        return told._replace(position=self.books[symbol].position + 1)

    def frame(self, frame: bytes) -> list[Action]:
        """Books first: they are what the hot path sees."""
        try:
            if b'"channel":"book"' in frame[:32]:
                told = self._frame(frame)
                return [action for book in told.data for action in self._book(told.type, book)]
            if self.trades.wanted and _TRADES in frame[:32]:
                return self._traded(self._trade_frame(frame))
            return self._control(frame, msgspec.json.decode(frame))
        except UNREADABLE as error:
            return self._unreadable(f"{type(error).__name__}: {error}", frame)

    def _book(self, kind: str, told: Any) -> list[Action]:
        book = self.books.get(told.symbol)
        if book is None:
            return []
        bids, asks = ([(level.price, level.qty) for level in side] for side in (told.bids, told.asks))
        if self.wide:
            check_wide(bids, asks)
        elif not all(price > 0 for price, _ in (*bids, *asks)):
            raise ValueError("a price that is not above 0")
        venue_ns = stamp_ns(told.timestamp) if told.timestamp else 0
        verify = Verify(told.symbol, told.checksum, self._checksums[told.symbol], CHECKED_LEVELS)
        position = max(venue_ns, book.position + 1)  # no ids: the venue's time, which must not stand still
        if kind == "snapshot":
            known_bid = min(bids)[0] if len(bids) >= self.depth else None
            known_ask = max(asks)[0] if len(asks) >= self.depth else None
            snapshot = Snapshot(position, bids, asks, venue_ns, known_bid, known_ask)
            return [*self.loaded(told.symbol, snapshot), verify]
        if book.phase is not Phase.LIVE:
            return []  # of the subscription before
        self.applied(told.symbol, Diff(position, position, bids, asks, venue_ns))
        return [Apply(told.symbol, bids, asks, position, venue_ns, self.depth), verify]

    def closed(self) -> None:
        """Forgets all that belonged to the connection."""
        super().closed()
        self._trade_requests.clear()

    def _traded(self, told: Any) -> list[Action]:
        """Of any pairs; a snapshot tells those of before."""
        prints: dict[str, list[Print]] = {}
        past = told.type == "snapshot"
        for each in sorted(told.data, key=lambda each: each.trade_id):
            if self.wide:
                check_wide([(each.price, each.qty)])
            number, taker = each.trade_id, _TAKERS.get(each.side, Taker.UNKNOWN)
            made = Print(each.price, each.qty, taker, str(number), stamp_ns(each.timestamp), number, past=past)
            prints.setdefault(each.symbol, []).append(made)
        return [action for symbol, made in prints.items() for action in self.trades.traded(symbol, made)]

    def _control(self, frame: bytes, message: Any) -> list[Action]:
        """Acknowledgements, status, heartbeats, errors."""
        if not isinstance(message, dict):
            return self._unreadable("no object", frame)
        if message.get("channel") == "status":
            return self._status(message)
        if message.get("channel") == "trade" and self.trades.wanted:
            return self._traded(self._trade_frame(frame))
        if message.get("channel") in ("heartbeat", "trade", "ticker") or message.get("method") in (
            "pong",
            "unsubscribe",
        ):
            return []
        if message.get("method") == "subscribe":
            return self._answered(frame, message)
        return [Garbage("", "unexpected message", frame)]

    def _answered(self, frame: bytes, message: Any) -> list[Action]:
        """To a subscription, each symbol by itself; a refusal tells its channel by the request alone."""
        words, symbol, number = message.get("error"), message.get("symbol"), message.get("req_id")
        trading = self._trade_requests.get(number) if isinstance(number, int) else None
        if message.get("success"):
            result = message.get("result")
            known = isinstance(result, dict) and result.get("channel") == "trade"
            return self.trades.acknowledged([str(result.get("symbol"))]) if known else []
        if trading is not None:
            return self.trades.refused([symbol] if symbol in trading else trading, str(words)[:200])
        if isinstance(symbol, str) and symbol in self.books:
            return self.refused(symbol, f"subscription refused: {words}")
        return [Garbage("", f"error reply: {words}", frame)]

    def _status(self, message: Any) -> list[Action]:
        """In maintenance the engine stands still, and its connections will be closed."""
        data = message.get("data")
        system = data[0].get("system") if isinstance(data, list) and data and isinstance(data[0], dict) else None
        if system == "maintenance":
            reason = "the venue is in maintenance"
            return self.restart(list(self.books), State.STALE, reason)
        return []

    def _unreadable(self, kind: str, frame: bytes) -> list[Action]:
        """The book that it names is begun anew; where it names none, every one: it may have been any book's.

        The next checksum would not tell, but of the ten best levels. Of a trade the next number tells.
        """
        if _TRADES in frame[:32]:
            return [Garbage("", kind, frame)]
        found = _SYMBOL.search(frame)
        symbol = found[1].decode("utf-8", "replace") if found else ""
        if symbol in self.books and b'"channel":"book"' in frame[:32]:
            return [Garbage(symbol, kind, frame), *self.garbled([symbol])]
        reason = "a message could not be read, which may have been of this book"
        return [Garbage("", kind, frame), *self.garbled(list(self.books), reason)]

    def _ask(self, method: str, symbols: Sequence[str], *, channel: str, **more: Any) -> list[Send]:
        sends = []
        for start in range(0, len(symbols), _SYMBOLS_PER_REQUEST):
            self._requests += 1
            part = list(symbols[start : start + _SYMBOLS_PER_REQUEST])
            if channel == "trade" and method == "subscribe":
                self._trade_requests[self._requests] = part
            params = {"channel": channel, "symbol": part, **more}
            message = {"method": method, "params": params, "req_id": self._requests}
            sends.append(Send(msgspec.json.encode(message).decode()))
        return sends


class Kraken(Venue):
    """Kraken spot."""

    name = "kraken"
    hosts: ClassVar[Mapping[str, Address]] = {"default": Address("https://api.kraken.com", "wss://ws.kraken.com")}
    # About one public request a second; some 150 connects in ten minutes. A heartbeat comes every second.
    limits = Limits(weight=60, window_s=60.0, connects=150, connect_window_s=600.0, quiet_s=3.0, dead_s=6.0)
    catalog_path = "/0/public/AssetPairs"
    catalog_weight = 1
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {"depth": DEPTHS}

    def parse_catalog(self, body: bytes) -> list[Instrument]:
        """The pairs of AssetPairs, under the names that version 2 of the stream uses."""
        try:
            told = msgspec.json.decode(body, type=_AssetPairs, strict=False)
        except UNREADABLE as error:
            raise GarbageFrame(f"kraken: no catalog: {error}") from error
        if told.error:
            raise GarbageFrame(f"kraken: no catalog: {', '.join(told.error)}")
        return [found for each in told.result.values() if (found := self._instrument(each))]

    def protocol(self, instruments: Sequence[Instrument], options: Mapping[str, str]) -> KrakenProtocol:
        """A fresh protocol object for one connection."""
        return KrakenProtocol(instruments, int(options.get("depth", DEPTHS[0])))

    def _instrument(self, told: _AssetPair) -> Instrument | None:
        base, slash, quote = told.wsname.partition("/")
        symbol = f"{_NEW_NAMES.get(base, base)}/{_NEW_NAMES.get(quote, quote)}"
        try:
            pair = Pair.parse(symbol)
            tick = told.tick_size or Decimal(1).scaleb(-told.pair_decimals)
            lot = Decimal(1).scaleb(-told.lot_decimals)
        except (ValueError, ArithmeticError):
            return None
        if not (slash and is_step(tick) and is_step(lot)):
            return None
        return Instrument(self.name, symbol, pair, tick, lot, told.costmin, None, told.status == "online")
