"""The truth, for whoever judges a client: the book at any kept position, every change since, and every trade."""

from typing import Final, Protocol

import msgspec
from aiohttp import web

from venue.faces.texts import AMOUNT_DECIMALS, book_texts
from venue.faults.board import Board
from venue.feed import MarketFeed
from venue.listing import decimal_text
from venue.market import Copy, HistoryGone, Update
from venue.matching import BID

MOST_CHANGES: Final = 10_000  # in one page

_encode = msgspec.json.Encoder().encode


class _Face(Protocol):
    feeds: dict[str, MarketFeed]
    board: Board

    def copy_for(self, feed: MarketFeed, at: int) -> Copy: ...

    def present(self, feed: MarketFeed) -> Copy: ...

    def changes_for(self, feed: MarketFeed, after: int, limit: int) -> list[Update]: ...

    def number(self, feed: MarketFeed, update_id: int, time_us: int, near: int) -> int: ...

    def stamp(self, feed: MarketFeed, update_id: int, time_us: int) -> int: ...

    def told(self, feed: MarketFeed, near: int) -> tuple[int, int]: ...


class _BadRequest(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Truth:
    """`/admin/book`, `/admin/changes` and `/admin/trades`.

    Positions are what a face's book streams carry: ids, or microtimestamps.

    Neither faults nor weights touch these. Times are the true ones: while a skew is active, clients see them shifted
    by ``skew_us``.
    """

    def __init__(self, face: _Face) -> None:
        self._face = face

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/admin/book", self._book),
            web.get("/admin/changes", self._changes),
            web.get("/admin/trades", self._trades),
        ]

    async def _book(self, request: web.Request) -> web.Response:
        """Answer what the true book is, or was: ``symbol``, ``levels`` (0: all), ``at`` (a position)."""
        try:
            feed = self._feed(request)
            levels = _whole(request, "levels", 20)
            at = _whole(request, "at", 0)
            if at:
                feed.position()  # brings the market up to date: the position may just have been reached
            copy = self._face.copy_for(feed, at) if at else self._face.present(feed)
        except _BadRequest as error:
            return _reply({"error": str(error)}, error.status)
        except HistoryGone as error:
            return _reply({"error": str(error)}, 410)
        body = {
            "symbol": feed.listing.symbol,
            "update_id": self._face.number(feed, copy.update_id, copy.time_us, at),
            "microtimestamp": str(self._face.stamp(feed, copy.update_id, copy.time_us)),
            **book_texts(feed.listing, copy.ladder, levels),
        }
        return _reply(body)

    async def _changes(self, request: web.Request) -> web.Response:
        """Answer the true changes after a position, oldest first: ``symbol``, ``after``, ``limit``.

        A page ends where the face's positions allow one to go on: changes of one microtimestamp stay together.
        """
        try:
            feed = self._feed(request)
            after = _whole(request, "after", 0)
            limit = _whole(request, "limit", 1000)
            if not after:
                raise _BadRequest(400, "after is missing: the position of a book or of the page before")
            if not 1 <= limit <= MOST_CHANGES:
                raise _BadRequest(400, f"limit: {limit} is not between 1 and {MOST_CHANGES}")
            changes = self._face.changes_for(feed, after, limit)
        except _BadRequest as error:
            return _reply({"error": str(error)}, error.status)
        except HistoryGone as error:
            return _reply({"error": str(error)}, 410)
        listing = feed.listing
        told_id, told_us = self._face.told(feed, after)
        price_decimals, lot_decimals = listing.price_decimals, listing.lot_decimals
        rows = [
            (
                self._face.number(feed, change.update_id, change.time_us, after),
                str(self._face.stamp(feed, change.update_id, change.time_us)),
                "bid" if change.side == BID else "ask",
                decimal_text(change.tick, price_decimals, price_decimals),
                decimal_text(change.lots, lot_decimals, AMOUNT_DECIMALS),
            )
            for change in changes
        ]
        body = {
            "symbol": listing.symbol,
            "public_update_id": self._face.number(feed, told_id, told_us, after),
            "public_microtimestamp": str(self._face.stamp(feed, told_id, told_us)),
            "skew_us": self._face.board.skew_us(listing.symbol),
            "more": bool(changes) and changes[-1].update_id < told_id,
            "changes": rows,
        }
        return _reply(body)

    async def _trades(self, request: web.Request) -> web.Response:
        """Answer the true trades after an id, oldest first: ``symbol``, ``after`` (0: all that are kept)."""
        try:
            feed = self._feed(request)
            after = _whole(request, "after", 0)
            kept = feed.market.recent
            if after and kept and kept[0].trade_id > after + 1:
                raise HistoryGone(f"trades after {after} are not kept: ask for {kept[0].trade_id - 1} or later")
        except _BadRequest as error:
            return _reply({"error": str(error)}, error.status)
        except HistoryGone as error:
            return _reply({"error": str(error)}, 410)
        listing = feed.listing
        price_decimals, lot_decimals = listing.price_decimals, listing.lot_decimals
        rows = [
            (
                trade.trade_id,
                str(feed.stamp(trade.time_us)),
                "buy" if trade.taker_side == BID else "sell",
                decimal_text(trade.tick, price_decimals, price_decimals),
                decimal_text(trade.lots, lot_decimals, AMOUNT_DECIMALS),
            )
            for trade in kept
            if trade.trade_id > after
        ]
        return _reply({"symbol": listing.symbol, "trades": rows})

    def _feed(self, request: web.Request) -> MarketFeed:
        feed = self._face.feeds.get(request.query.get("symbol", ""))
        if feed is None:
            raise _BadRequest(404, f"unknown symbol; known are {', '.join(self._face.feeds)}")
        return feed


def _whole(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise _BadRequest(400, f"{name}: {text!r} is not a whole number")
    return int(text)


def _reply(body: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=_encode(body), content_type="application/json")
