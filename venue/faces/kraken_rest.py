"""Kraken's public REST endpoints: the catalog, the book, the time. Errors come with status 200.

Source: Kraken's public REST documentation. Names of pairs and assets are those of the older API: XBT and XDG, and an
X or Z before the oldest assets.
"""

from collections.abc import Callable
from email.utils import formatdate
from typing import Final

import msgspec
from aiohttp import web

from venue.clock import wall_us
from venue.faces.rfc3339 import rfc3339
from venue.faults.fault import Target
from venue.feed import MarketFeed
from venue.ladder import Ladder
from venue.listing import Listing, decimal_text
from venue.market import Copy
from venue.matching import ASK, BID

LARGEST_COUNT: Final = 500
UNKNOWN_PAIR: Final = "EQuery:Unknown asset pair"
INVALID: Final = "EGeneral:Invalid arguments"

_OLD_NAMES: Final = {"BTC": "XBT", "DOGE": "XDG"}
_PREFIXED: Final = {"XBT": "X", "XDG": "X", "ETH": "X", "LTC": "X", "XRP": "X", "USD": "Z", "EUR": "Z", "GBP": "Z"}

_encode = msgspec.json.Encoder().encode


def old_name(asset: str) -> str:
    """Return the older API's short name of an asset."""
    return _OLD_NAMES.get(asset, asset)


def asset_code(asset: str) -> str:
    """Return the older API's full name of an asset."""
    name = old_name(asset)
    return _PREFIXED.get(name, "") + name


def alternative_name(listing: Listing) -> str:
    """Return the pair's short name."""
    return old_name(listing.base) + old_name(listing.quote)


def key_of(listing: Listing) -> str:
    """Return the name under which replies carry the pair: prefixes stand only where both assets have one."""
    base, quote = old_name(listing.base), old_name(listing.quote)
    both = base in _PREFIXED and quote in _PREFIXED
    return asset_code(listing.base) + asset_code(listing.quote) if both else base + quote


class KrakenRest:
    """The `/0/public` endpoints."""

    def __init__(self, feeds: dict[str, MarketFeed]) -> None:
        self._feeds: dict[str, MarketFeed] = {}
        for feed in feeds.values():
            listing = feed.listing
            web_name = f"{old_name(listing.base)}/{old_name(listing.quote)}"
            for name in (listing.symbol, web_name, alternative_name(listing), key_of(listing)):
                self._feeds[name] = feed

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints; most take GET and POST."""
        table = {
            "Time": self._time,
            "SystemStatus": self._status,
            "AssetPairs": self._pairs,
            "Depth": self._depth,
            "{rest:.*}": self._unknown,
        }
        return [web.get(f"/0/public/{path}", call) for path, call in table.items()]

    def target(self, request: web.Request) -> Target:
        """Tell what a request is about; its pair may be none that is listed."""
        name = request.path.rpartition("/")[2]
        kind = {"Depth": "snapshot", "AssetPairs": "catalog"}.get(name, "other")
        if kind != "snapshot":
            return Target("", kind)
        asked = request.query.get("pair", "")
        feed = self._feeds.get(asked)
        return Target(feed.listing.symbol if feed else asked, kind)

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write the book of the copy that is chosen for the feed at its position; None for a bad request."""
        feed, count = self._feeds.get(request.query.get("pair", "")), _count(request)
        return None if feed is None or count is None else _book(feed, choose(feed, feed.position()), count)

    async def _unknown(self, request: web.Request) -> web.Response:
        return _error("EGeneral:Unknown method")

    async def _time(self, request: web.Request) -> web.Response:
        second = wall_us() // 1_000_000
        return _result({"unixtime": second, "rfc1123": formatdate(second).replace("-0000", "+0000")})

    async def _status(self, request: web.Request) -> web.Response:
        second = wall_us() // 1_000_000
        return _result({"status": "online", "timestamp": rfc3339(second * 1_000_000).replace(".000000", "")})

    async def _pairs(self, request: web.Request) -> web.Response:
        chosen = dict.fromkeys(self._feeds.values())
        asked = request.query.get("pair")
        if asked is not None:
            names = asked.split(",")
            if not all(name in self._feeds for name in names):
                return _error(UNKNOWN_PAIR)
            chosen = dict.fromkeys(self._feeds[name] for name in names)
        return _result({key_of(feed.listing): pair_row(feed.listing) for feed in chosen})

    async def _depth(self, request: web.Request) -> web.Response:
        asked, count = request.query.get("pair"), _count(request)
        if asked is None or count is None:
            return _error(INVALID)
        feed = self._feeds.get(asked)
        if feed is None:
            return _error(UNKNOWN_PAIR)
        body = _book(feed, feed.market.copy_at(feed.position()), count)
        return web.Response(body=body, content_type="application/json")


def pair_row(listing: Listing) -> dict[str, object]:
    """Return a row of the catalog of pairs."""
    return {
        "altname": alternative_name(listing),
        "wsname": f"{old_name(listing.base)}/{old_name(listing.quote)}",
        "aclass_base": "currency",
        "base": asset_code(listing.base),
        "aclass_quote": "currency",
        "quote": asset_code(listing.quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": listing.price_decimals,
        "lot_decimals": listing.lot_decimals,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, 0.4], [10000, 0.35], [50000, 0.24]],
        "fees_maker": [[0, 0.25], [10000, 0.2], [50000, 0.14]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": "0.00005",
        "costmin": "0.00002" if listing.quote == "BTC" else "0.5",
        "tick_size": decimal_text(1, listing.price_decimals, listing.price_decimals),
        "status": "online",
    }


def _count(request: web.Request) -> int | None:
    """Read ``count``; larger ones are cut. None when it is wrong."""
    text = request.query.get("count", "100")
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text)):
        return None
    return min(int(text), LARGEST_COUNT)


def _book(feed: MarketFeed, copy: Copy, count: int) -> bytes:
    # The venue tells when each level last changed; this one does not know and tells the book's time.
    second = feed.stamp(copy.time_us) // 1_000_000
    body = {
        "asks": _rows(feed.listing, copy.ladder, ASK, count, second),
        "bids": _rows(feed.listing, copy.ladder, BID, count, second),
    }
    return _encode({"error": [], "result": {key_of(feed.listing): body}})


def _rows(listing: Listing, ladder: Ladder, side: int, count: int, second: int) -> list[tuple[str, str, int]]:
    price, lot = listing.price_decimals, listing.lot_decimals
    return [
        (decimal_text(tick, price, price), decimal_text(lots, lot, lot), second)
        for tick, lots in ladder.levels(side, count)
    ]


def _result(result: object) -> web.Response:
    return web.Response(body=_encode({"error": [], "result": result}), content_type="application/json")


def _error(text: str) -> web.Response:
    return web.Response(body=_encode({"error": [text]}), content_type="application/json")
