"""Holds every published level against the truth of the venue's own process.

The truth comes from the venue's admin endpoint, by the position (update id or microtimestamp) up to which each
venue's book in a message says to be complete. Everything is compared in Decimal.
"""

import bisect
import time
from collections import Counter
from decimal import Decimal
from typing import Any

import requests

from proto import orderbook_pb2 as pb

Side = dict[Decimal, Decimal]

_REACH_S = 10.0


class Truth:
    """The true book of one symbol on one face, at any position that the venue still remembers."""

    def __init__(self, rest: str, symbol: str, *, by_microtimestamp: bool) -> None:
        self._rest = rest
        self._symbol = symbol
        self._by_stamp = by_microtimestamp
        self._session = requests.Session()
        self.position = -1
        self._public = 0  # the venue has published everything up to here
        self.sides: tuple[Side, Side] = ({}, {})
        self._ahead: list[tuple[int, int, Decimal, Decimal]] = []  # position, side, price, total; not applied yet

    def at(self, position: int) -> tuple[Side, Side]:
        """Bids and asks with all changes up to `position` and none after it; reuses what the last call built."""
        deadline = (
            time.monotonic() + _REACH_S
        )  # a snapshot may be ahead of the stream, and of the public truth with it
        while self._public < position:
            self._page(position, 1)
            assert time.monotonic() < deadline, f"{self._symbol} never reached {position}"
        if self.position < 0 or position < self.position:
            self._begin(position)
        while not self._ahead or self._ahead[-1][0] < position:
            if not self._read(self._ahead[-1][0] if self._ahead else self.position):
                break
        count = bisect.bisect_right(self._ahead, position, key=lambda change: change[0])
        for _, side, price, total in self._ahead[:count]:
            if total:
                self.sides[side][price] = total
            else:
                self.sides[side].pop(price, None)
        del self._ahead[:count]
        self.position = position
        return self.sides

    def close(self) -> None:
        """Lets go of the connection."""
        self._session.close()

    def _begin(self, position: int) -> None:
        told = self._get("/admin/book", levels=0, at=position)
        sides = [{Decimal(price): Decimal(amount) for price, amount in told[side]} for side in ("bids", "asks")]
        self.sides = (sides[0], sides[1])
        self.position = position
        self._ahead = []

    def _read(self, after: int) -> bool:
        """The changes after the last one that we have; whether there are any."""
        rows = self._page(after, 10_000)
        for update_id, stamp, side, price, total in rows:
            position = int(stamp) if self._by_stamp else int(update_id)
            self._ahead.append((position, 0 if side == "bid" else 1, Decimal(price), Decimal(total)))
        return bool(rows)

    def _page(self, after: int, limit: int) -> list[list[str]]:
        told = self._get("/admin/changes", after=after, limit=limit)
        self._public = int(told["public_microtimestamp" if self._by_stamp else "public_update_id"])
        rows: list[list[str]] = told["changes"]
        return rows

    def _get(self, path: str, **parameters: int) -> dict[str, Any]:
        wanted: dict[str, str | int] = {"symbol": self._symbol, **parameters}
        reply = self._session.get(self._rest + path, params=wanted, timeout=10)
        reply.raise_for_status()
        body: dict[str, Any] = reply.json()
        return body


class Judge:
    """Looks at every Book of one pair's stream, asked for with `levels`; keeps what is wrong with it.

    `threshold_s`: how long a venue may be live without an update while its true book changes.
    """

    def __init__(self, truths: dict[str, Truth], levels: int, threshold_s: float) -> None:
        self._truths = truths
        self._levels = levels
        self._threshold_ns = int(threshold_s * 1e9)
        self._sequence = 0
        self.seen: Counter[str] = Counter()  # messages, levels, live (venues)
        self.faults: list[str] = []

    def see(self, book: pb.Book) -> None:
        """Judges one message."""
        self.seen["messages"] += 1
        if book.sequence < self._sequence:
            self.faults.append(f"sequence {book.sequence} after {self._sequence}")
        self._sequence = book.sequence
        live = [each for each in book.venues if each.trust.state == pb.LIVE]
        for each in live:
            self.seen["live"] += 1
            if each.trust.age_ns > self._threshold_ns:
                self.faults.append(f"{each.trust.venue} is live with an age of {each.trust.age_ns / 1e9:.1f} s")
        if book.heartbeat:
            return
        truths = {
            index: self._truths[each.trust.venue].at(each.trust.position)
            for index, each in enumerate(book.venues)
            if each.trust.state == pb.LIVE
        }
        for side, name, shown in ((0, "bid", book.bids), (1, "ask", book.asks)):
            self._side(book, side, name, list(shown), {index: sides[side] for index, sides in truths.items()})

    def _side(
        self, book: pb.Book, side: int, name: str, shown: list[pb.MergedLevel], truths: dict[int, Side]
    ) -> None:
        prices = sorted({price for true in truths.values() for price in true}, reverse=side == 0)[: self._levels]
        wanted = [(price, {i: true[price] for i, true in truths.items() if price in true}) for price in prices]
        told = [
            (
                Decimal(level.price).scaleb(-book.price_decimals),
                {each.venue: Decimal(each.amount).scaleb(-book.amount_decimals) for each in level.amounts},
            )
            for level in shown
        ]
        self.seen["levels"] += len(told)
        for _, amounts in told:
            for index in amounts.keys() - truths.keys():
                self.faults.append(f"a level of {book.venues[index].trust.venue}, which is not live")
        if told != wanted:
            where = next((i for i, pair in enumerate(zip(told, wanted, strict=False)) if pair[0] != pair[1]), -1)
            positions = {each.trust.venue: each.trust.position for each in book.venues}
            self.faults.append(
                f"{name} {where + 1} of {len(told)}/{len(wanted)} at {positions}: "
                f"shown {told[where : where + 1]}, true {wanted[where : where + 1]}"
            )
