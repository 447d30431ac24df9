"""A feed on a desk: frames, answers and timers by hand, and the frames that the two venues would send."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from book import Instrument, Pair, PairBooks, State, VenueBook
from exchanges.actions import Fetch, NetworkAction, Reconnect, Send, Timer
from exchanges.binance import BinanceProtocol
from exchanges.bitstamp import BitstampProtocol
from exchanges.feed import Feed
from exchanges.protocol import Protocol

Texts = Sequence[tuple[str, str]]  # levels as venues write them
BINANCE, BITSTAMP = "BTCUSDT", "btcusd"


def instrument(
    symbol: str, tick: str = "0.01", lot: str = "0.00000001", max_price: str | None = None, venue: str = "binance"
) -> Instrument:
    """A listing of `symbol`."""
    most = None if max_price is None else Decimal(max_price)
    return Instrument(venue, symbol, Pair(symbol.upper(), "X"), Decimal(tick), Decimal(lot), max_price=most)


def binance(*symbols: str, audit: bool = True, max_price: str | None = None) -> BinanceProtocol:
    """A protocol of Binance for some symbols."""
    return BinanceProtocol([instrument(each, max_price=max_price) for each in symbols or (BINANCE,)], audit)


def bitstamp(*symbols: str, books: str = "diff", max_price: str | None = None) -> BitstampProtocol:
    """A protocol of Bitstamp for some symbols."""
    listed = [instrument(each, max_price=max_price, venue="bitstamp") for each in symbols or (BITSTAMP,)]
    return BitstampProtocol(listed, books, nonce=1000)


class Desk:
    """Drives one feed by hand and keeps what it wants done on the network."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.pairs: dict[str, PairBooks] = {}
        self.books: dict[str, VenueBook] = {}
        for each in protocol.instruments:
            self.pairs[each.symbol] = PairBooks(each.pair)
            self.books[each.symbol] = self.pairs[each.symbol].add(each.venue, each)
        self.now_ns = 10**18
        both = {symbol: (self.pairs[symbol], self.books[symbol]) for symbol in self.books}
        self.feed = Feed(protocol, both, lambda: self.now_ns)
        self.sent: list[Any] = []
        self.fetches: list[Fetch] = []
        self.timers: list[Timer] = []
        self.reconnects: list[str] = []

    @property
    def book(self) -> VenueBook:
        """The book of the first symbol."""
        return next(iter(self.books.values()))

    @property
    def state(self) -> State:
        """Its state."""
        return self.book.state

    def levels(self) -> tuple[Any, Any]:
        """Its bids and asks, as a reader sees them."""
        view = self.book.view(10_000)
        return plain(view.bids), plain(view.asks)

    def note(self, actions: Sequence[NetworkAction]) -> list[NetworkAction]:
        """Keeps what is wanted."""
        for action in actions:
            if isinstance(action, Send):
                self.sent.append(msgspec.json.decode(action.text))
            elif isinstance(action, Fetch):
                self.fetches.append(action)
            elif isinstance(action, Timer):
                self.timers.append(action)
            elif isinstance(action, Reconnect):
                self.reconnects.append(action.reason)
        for pair_books in self.pairs.values():
            pair_books.check()
        return list(actions)

    def open(self, *, acknowledge: bool = True) -> "Desk":
        """A connection stands and every subscription was acknowledged."""
        self.feed.connecting()
        start = len(self.sent)
        self.note(self.feed.opened())
        for sent in self.sent[start:] if acknowledge else ():
            self.frame(acknowledgement(sent))
        return self

    def close(self) -> None:
        """The connection is lost, and everything that was under way with it."""
        self.feed.closed("cut", self.now_ns)
        self.timers.clear()

    def frame(self, body: bytes) -> list[NetworkAction]:
        """The venue sends `body`."""
        return self.note(self.feed.frame(body, self.now_ns))

    def answer(self, body: bytes, fetch: Fetch | None = None) -> list[NetworkAction]:
        """The latest snapshot request, or `fetch`, is answered by `body`."""
        wanted = fetch or self.fetches.pop()
        return self.note(self.feed.snapshot(wanted, body, self.now_ns))

    def fail(self, reason: str = "down", retry_s: float = 1.0) -> list[NetworkAction]:
        """The latest snapshot request got no answer of use."""
        wanted = self.fetches.pop()
        return self.note(self.feed.failed(wanted, reason, retry_s))

    def expire(self, purpose: str) -> list[NetworkAction]:
        """All timers of this purpose run out."""
        due = [timer for timer in self.timers if timer.purpose == purpose]
        assert due, f"no timer of {purpose!r} runs: {self.timers}"
        self.timers = [timer for timer in self.timers if timer.purpose != purpose]
        return [action for timer in due for action in self.note(self.feed.timeout(timer))]


def plain(levels: Any) -> tuple[Any, ...]:
    """Price and amount alone of a view's levels."""
    return tuple((price, amount) for price, amount, *_ in levels)


def acknowledgement(sent: Any) -> bytes:
    """What the venue says to a subscription."""
    if "id" in sent:
        return msgspec.json.encode({"result": None, "id": sent["id"]})
    return msgspec.json.encode(
        {"event": "bts:subscription_succeeded", "channel": sent["data"]["channel"], "data": {}}
    )


def depth(
    first: int, last: int, bids: Texts = (), asks: Texts = (), symbol: str = BINANCE, *, wrapped: bool = True
) -> bytes:
    """A diff of Binance."""
    data = {"e": "depthUpdate", "E": 1790000000145000, "s": symbol, "U": first, "u": last, "b": bids, "a": asks}
    stream = {"stream": f"{symbol.lower()}@depth@100ms", "data": data}
    return msgspec.json.encode(stream if wrapped else data)


def ticker(
    last: int, bid: tuple[str, str], ask: tuple[str, str], symbol: str = BINANCE, *, wrapped: bool = True
) -> bytes:
    """A best quote of Binance."""
    data = {"u": last, "s": symbol, "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
    return msgspec.json.encode({"stream": f"{symbol.lower()}@bookTicker", "data": data} if wrapped else data)


def binance_snapshot(last: int, bids: Texts = (("100.00", "1"),), asks: Texts = (("101.00", "1"),)) -> bytes:
    """A REST book of Binance."""
    return msgspec.json.encode({"lastUpdateId": last, "bids": bids, "asks": asks})


def _bitstamp_book(stamp: int, bids: Texts, asks: Texts) -> dict[str, Any]:
    return {"timestamp": str(stamp // 10**6), "microtimestamp": str(stamp), "bids": bids, "asks": asks}


def diff(stamp: int, bids: Texts = (), asks: Texts = (), symbol: str = BITSTAMP) -> bytes:
    """A diff of Bitstamp."""
    return msgspec.json.encode(
        {"data": _bitstamp_book(stamp, bids, asks), "channel": f"diff_order_book_{symbol}", "event": "data"}
    )


def top(stamp: int, bids: Texts = (("100", "1"),), asks: Texts = (("101", "1"),), symbol: str = BITSTAMP) -> bytes:
    """A top-100 book of Bitstamp."""
    return msgspec.json.encode(
        {"data": _bitstamp_book(stamp, bids, asks), "channel": f"order_book_{symbol}", "event": "data"}
    )


def bitstamp_snapshot(stamp: int, bids: Texts = (("100", "1"),), asks: Texts = (("101", "1"),)) -> bytes:
    """A REST book of Bitstamp."""
    return msgspec.json.encode(_bitstamp_book(stamp, bids, asks))
