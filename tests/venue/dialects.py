"""How to subscribe books on each face and to tell what a message is about, for tests that go over all faces."""

from dataclasses import dataclass
from typing import Any, ClassVar

import aiohttp

from tests.venue.clients import Client


@dataclass(frozen=True)
class Dialect:
    """One face for a client: the spelling of BTC/USDT and ETH/USDT, and the path of a book by REST."""

    face: str
    symbols: tuple[str, str]
    path: str
    rest: str

    async def subscribe(self, client: Client) -> aiohttp.ClientWebSocketResponse:
        """Open a connection with the books of both symbols, and a second view of them if the face has one."""
        socket = await client.ws(self.face, self.path, max_msg_size=0)
        for request in self.requests():
            await socket.send_json(request)
        return socket

    def requests(self) -> list[Any]:
        """Return what to send after the handshake."""
        raise NotImplementedError

    def leaving(self, symbol: str) -> tuple[list[Any], list[Any]]:
        """Return what to send to leave one symbol's book, and to subscribe it again."""
        raise NotImplementedError

    def symbol(self, told: Any) -> str:
        """Return whose book a message changes; "" for all other messages."""
        raise NotImplementedError


class _Binance(Dialect):
    def requests(self) -> list[Any]:
        names = [f"{symbol.lower()}@{end}" for symbol in self.symbols for end in ("depth@100ms", "bookTicker")]
        return [{"method": "SUBSCRIBE", "params": names, "id": 1}]

    def leaving(self, symbol: str) -> tuple[list[Any], list[Any]]:
        names = [f"{symbol.lower()}@{end}" for end in ("depth@100ms", "bookTicker")]
        gone, again = ({"method": method, "params": names, "id": 2} for method in ("UNSUBSCRIBE", "SUBSCRIBE"))
        return [gone], [again]

    def symbol(self, told: Any) -> str:
        return str(told.get("s", ""))


class _Bitstamp(Dialect):
    def requests(self) -> list[Any]:
        names = [f"{channel}_{symbol}" for symbol in self.symbols for channel in ("diff_order_book", "order_book")]
        return [{"event": "bts:subscribe", "data": {"channel": name}} for name in names]

    def leaving(self, symbol: str) -> tuple[list[Any], list[Any]]:
        names = [f"{channel}_{symbol}" for channel in ("diff_order_book", "order_book")]
        gone, again = (
            [{"event": event, "data": {"channel": name}} for name in names]
            for event in ("bts:unsubscribe", "bts:subscribe")
        )
        return gone, again

    def symbol(self, told: Any) -> str:
        return str(told["channel"]).rpartition("_")[2] if told["event"] == "data" else ""


class _Kraken(Dialect):
    def requests(self) -> list[Any]:
        return [{"method": "subscribe", "params": {"channel": "book", "symbol": list(self.symbols), "depth": 100}}]

    def leaving(self, symbol: str) -> tuple[list[Any], list[Any]]:
        params = {"channel": "book", "symbol": [symbol], "depth": 100}
        gone, again = ({"method": method, "params": params} for method in ("unsubscribe", "subscribe"))
        return [gone], [again]

    def symbol(self, told: Any) -> str:
        return str(told["data"][0]["symbol"]) if told.get("channel") == "book" else ""


class _Deribit(Dialect):
    def requests(self) -> list[Any]:
        names = [f"{name}{end}" for name in self.symbols for end in (".100ms", ".none.10.100ms")]
        params = {"channels": [f"book.{name}" for name in names]}
        return [{"jsonrpc": "2.0", "id": 1, "method": "public/subscribe", "params": params}]

    def leaving(self, symbol: str) -> tuple[list[Any], list[Any]]:
        params = {"channels": [f"book.{symbol}{end}" for end in (".100ms", ".none.10.100ms")]}
        gone, again = (
            {"jsonrpc": "2.0", "id": 2, "method": f"public/{method}", "params": params}
            for method in ("unsubscribe", "subscribe")
        )
        return [gone], [again]

    def symbol(self, told: Any) -> str:
        return str(told["params"]["data"]["instrument_name"]) if told.get("method") == "subscription" else ""


class _Coinbase(Dialect):
    def requests(self) -> list[Any]:
        return [{"type": "subscribe", "product_ids": list(self.symbols), "channel": "level2"}]

    def leaving(self, symbol: str) -> tuple[list[Any], list[Any]]:
        gone, again = (
            {"type": kind, "product_ids": [symbol], "channel": "level2"} for kind in ("unsubscribe", "subscribe")
        )
        return [gone], [again]

    def symbol(self, told: Any) -> str:
        return str(told["events"][0]["product_id"]) if told.get("channel") == "l2_data" else ""


class _Okx(Dialect):
    def requests(self) -> list[Any]:
        names = [(channel, symbol) for channel in ("books", "books5") for symbol in self.symbols]
        return [{"op": "subscribe", "args": [{"channel": channel, "instId": symbol} for channel, symbol in names]}]

    def leaving(self, symbol: str) -> tuple[list[Any], list[Any]]:
        names = [{"channel": channel, "instId": symbol} for channel in ("books", "books5")]
        gone, again = ({"op": op, "args": names} for op in ("unsubscribe", "subscribe"))
        return [gone], [again]

    def symbol(self, told: Any) -> str:
        return str(told["arg"]["instId"]) if "data" in told else ""


class _Bybit(Dialect):
    def requests(self) -> list[Any]:
        topics = [f"orderbook.{depth}.{symbol}" for depth in (50, 1) for symbol in self.symbols]
        return [{"op": "subscribe", "args": topics}]

    def leaving(self, symbol: str) -> tuple[list[Any], list[Any]]:
        topics = [f"orderbook.{depth}.{symbol}" for depth in (50, 1)]
        gone, again = ({"op": op, "args": topics} for op in ("unsubscribe", "subscribe"))
        return [gone], [again]

    def symbol(self, told: Any) -> str:
        return str(told["data"]["s"]) if str(told.get("topic", "")).startswith("orderbook") else ""


class _Bitfinex(Dialect):
    """Messages name their channel alone, which the answers to subscriptions have told."""

    _channels: ClassVar[dict[int, str]] = {}

    def requests(self) -> list[Any]:
        flags = {"event": "conf", "flags": 32_768 + 65_536 + 131_072}
        return [flags, *(self.leaving(symbol)[1][0] for symbol in self.symbols)]

    def leaving(self, symbol: str) -> tuple[list[Any], list[Any]]:
        channels = [channel for channel, name in self._channels.items() if name == symbol]
        again = {"event": "subscribe", "channel": "book", "symbol": symbol, "len": "100"}
        return [{"event": "unsubscribe", "chanId": channel} for channel in channels[-1:]], [again]

    def symbol(self, told: Any) -> str:
        if isinstance(told, dict):
            if told["event"] == "subscribed":
                self._channels.pop(told["chanId"], None)
                self._channels[told["chanId"]] = told["symbol"]
            return ""
        return self._channels.get(told[0], "") if isinstance(told[1], list) else ""


DIALECTS: dict[str, Dialect] = {
    dialect.face: dialect
    for dialect in (
        _Binance("binance", ("BTCUSDT", "ETHUSDT"), "/ws", "/api/v3/depth?symbol={}"),
        _Bitstamp("bitstamp", ("btcusdt", "ethusdt"), "/", "/api/v2/order_book/{}/"),
        _Kraken("kraken", ("BTC/USDT", "ETH/USDT"), "/v2", "/0/public/Depth?pair={}"),
        _Deribit(
            "deribit",
            ("BTC_USDT", "ETH_USDT"),
            "/ws/api/v2",
            "/api/v2/public/get_order_book?instrument_name={}",
        ),
        _Coinbase(
            "coinbase", ("BTC-USDT", "ETH-USDT"), "/", "/api/v3/brokerage/market/product_book?product_id={}&limit=20"
        ),
        _Okx("okx", ("BTC-USDT", "ETH-USDT"), "/ws/v5/public", "/api/v5/market/books?instId={}"),
        _Bybit("bybit", ("BTCUSDT", "ETHUSDT"), "/v5/public/spot", "/v5/market/orderbook?category=spot&symbol={}"),
        _Bitfinex("bitfinex", ("tBTCUST", "tETHUST"), "/ws/2", "/v2/book/{}/P0?len=100"),
    )
}
