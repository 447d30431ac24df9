"""Holds every published level, state and age against what the venue's process says its book really was.

A judge looks at one stream. It knows the contract (docs/wire.md) and the truth (`tape`), and shares no code with the
server. All comparisons are made in whole numbers.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from proto import orderbook_pb2 as pb
from tests.truth.record import BookName, Finding, Record
from tests.truth.tape import DECIMALS, Cursor, Tape, Unplaced

STALE_S = 10.0  # a live book may lack a true change for so long
SLACK_S = 2.0  # of the venue, the machine and the judge

Row = tuple[int, int, int]  # key, minus the amount, index of the venue: sorted, they are in the order of the contract
Rows = list[Row]
_SIDES = ("bid", "ask")


class Dust(NamedTuple):
    """Levels that a request leaves out, in units: below an amount, below price * amount (of 10^-24)."""

    amount: int = 0
    notional: int = 0

    def keeps(self, key: int, amount: int) -> bool:
        """Whether a level is to be shown."""
        return amount >= self.amount and abs(key) * amount >= self.notional


NO_DUST = Dust()


class Told(NamedTuple):
    """One message, of either service, in whole numbers."""

    sequence: int
    sent_ns: int
    heartbeat: bool
    trusts: Sequence[pb.VenueState]
    rows: tuple[Rows, Rows]  # as shown, bids and asks
    horizons: Sequence[tuple[int | None, int | None]]  # by venue: keys beyond which bids and asks are unknown


class Judge:
    """Judges one pair's stream, which was asked for with `levels` of the venues `only` and without `dust`.

    `by_price`: levels count prices, not rows. `main`: the one stream of the pair that fills the time line. `whole`:
    the one that tells at which moments a book was right as a whole.
    """

    def __init__(
        self,
        record: Record,
        tapes: Mapping[str, Tape],
        pair: str,
        levels: int,
        *,
        by_price: bool = True,
        main: bool = False,
        whole: bool = False,
        only: frozenset[str] | None = None,
        dust: Dust = NO_DUST,
        stale_s: float = STALE_S + SLACK_S,
    ) -> None:
        self.record = record
        self._cursors = {venue: Cursor(tape) for venue, tape in tapes.items()}
        self._pair = pair
        self._levels = levels
        self._by_price = by_price
        self._main = main
        self._only = only
        self._dust = dust
        self._whole = whole
        self._stale_us = int(stale_s * 1e6)
        self._before: Told | None = None
        self._places: dict[str, tuple[int, int]] = {}  # by venue: live since, and the true position shown last
        self._told: dict[str, int] = {}  # by venue: the position in the venue's own numbers

    async def book(self, message: pb.Book) -> None:
        """Judges a message of MarketData.StreamBook."""
        self.record.seen["books"] += 1
        told = self._told_of_book(message)
        self._internals(message, told)
        await self._judge(told)

    async def summary(self, message: pb.Summary) -> None:
        """Judges a message of the older contract."""
        self.record.seen["summaries"] += 1
        indices = {trust.venue: index for index, trust in enumerate(message.venues)}
        rows: list[Rows] = []
        for levels, sign in ((message.bids, -1), (message.asks, 1)):
            side: Rows = []
            for level in levels:
                if level.exchange not in indices:
                    self._find("trust", level.exchange, message.sent_time, "a level of a venue that is not listed")
                    continue
                side.append((sign * _whole(level.price), -_whole(level.amount), indices[level.exchange]))
            rows.append(side)
        names = [BookName(trust.venue, self._pair) for trust in message.venues]
        horizons = [self.record.horizons.get(name, (None, None)) for name in names]
        told = Told(
            message.sequence, message.sent_time, message.heartbeat, message.venues, (rows[0], rows[1]), horizons
        )
        has_spread = bool(rows[0] and rows[1])
        spread = (rows[1][0][0] + rows[0][0][0]) / 10**DECIMALS if has_spread else 0.0
        if message.has_spread != has_spread or (has_spread and message.spread != spread):
            self._find("spread", "", told.sent_ns, f"{message.has_spread} {message.spread!r}, it is {spread!r}")
        received = [trust.received_ns for trust in message.venues if trust.state == pb.LIVE]
        if received and message.arrival_time != max(received):
            self._find("trust", "", told.sent_ns, f"arrival_time {message.arrival_time}, newest is {max(received)}")
        if self._before and told.heartbeat and told.rows != self._before.rows:
            self._find("heartbeat", "", told.sent_ns, "a heartbeat with other levels than before")
        await self._judge(told)

    def _told_of_book(self, message: pb.Book) -> Told:
        scale, size = 10 ** (DECIMALS - message.price_decimals), 10 ** (DECIMALS - message.amount_decimals)
        rows: tuple[Rows, Rows]
        if message.heartbeat:  # the levels of the message before hold
            rows = self._before.rows if self._before else ([], [])
        else:
            bids = [(-m.price * scale, -a.amount * size, a.venue) for m in message.bids for a in m.amounts]
            asks = [(m.price * scale, -a.amount * size, a.venue) for m in message.asks for a in m.amounts]
            rows = bids, asks
        horizons = [
            (
                -each.known_bid * scale if each.HasField("known_bid") else None,
                each.known_ask * scale if each.HasField("known_ask") else None,
            )
            for each in message.venues
        ]
        trusts = [each.trust for each in message.venues]
        return Told(message.sequence, message.clocks.sent_ns, message.heartbeat, trusts, rows, horizons)

    def _internals(self, message: pb.Book, told: Told) -> None:
        """What a Book says of itself: its spread, each venue's best prices, a heartbeat without levels."""
        if message.heartbeat:
            if message.bids or message.asks:
                self._find("heartbeat", "", told.sent_ns, "a heartbeat with levels")
            if self._before is None:
                self._find("heartbeat", "", told.sent_ns, "a heartbeat before any message")
        bids, asks = told.rows
        if bids and asks:
            spread = asks[0][0] + bids[0][0]
            scale = 10 ** (DECIMALS - message.price_decimals)
            if not message.HasField("spread") or message.spread * scale != spread:
                self._find("spread", "", told.sent_ns, f"spread {message.spread}, it is {spread // scale}")
        elif message.HasField("spread"):
            self._find("spread", "", told.sent_ns, "a spread with an empty side")
        for levels in (message.bids, message.asks):
            if len({level.price for level in levels}) != len(levels):
                self._find("order", "", told.sent_ns, "a price twice")
        if not message.heartbeat:
            self._bests(message, told)

    def _bests(self, message: pb.Book, told: Told) -> None:
        scale = 10 ** (DECIMALS - message.price_decimals)
        for side, sign in ((0, -1), (1, 1)):
            best: dict[int, int] = {}
            for key, _, venue in told.rows[side]:
                best.setdefault(venue, key)
            for index, each in enumerate(message.venues):
                name = ("best_bid", "best_ask")[side]
                told_best = sign * getattr(each, name) * scale if each.HasField(name) else None
                if each.trust.state != pb.LIVE and told_best is not None:
                    self._find("trust", each.trust.venue, told.sent_ns, f"{name} of a book that is not live")
                elif index in best and told_best != best[index]:
                    self._find("trust", each.trust.venue, told.sent_ns, f"{name} is not the best level shown")

    async def _judge(self, told: Told) -> None:
        self.record.seen["messages"] += 1
        self.record.seen["levels"] += len(told.rows[0]) + len(told.rows[1])
        self._sequence(told)
        self._trust(told)
        places = await self._place(told)
        self._before = told
        live = {index for index, trust in enumerate(told.trusts) if trust.state == pb.LIVE}
        for side in (0, 1):
            rows = told.rows[side]
            for _, _, index in rows:
                if index not in live:
                    name = told.trusts[index].venue if index < len(told.trusts) else str(index)
                    self._find("foreign", name, told.sent_ns, f"a {_SIDES[side]} of {name}, which is not live")
            if any(before >= row for before, row in pairwise(rows)):
                self._find("order", "", told.sent_ns, f"{_SIDES[side]}s out of order")
            if any(row[1] >= 0 for row in rows):
                self._find("order", "", told.sent_ns, f"a {_SIDES[side]} without an amount")
        self._levels_true(told, places, live)

    def _sequence(self, told: Told) -> None:
        before = self._before
        if before is None:
            return
        if told.sequence < before.sequence:
            self._find("sequence", "", told.sent_ns, f"{told.sequence} after {before.sequence}")
        facts = [_facts(trust) for trust in told.trusts]
        known = [_facts(trust) for trust in before.trusts]
        moved = facts != known or any(
            a.position != b.position for a, b in zip(told.trusts, before.trusts, strict=False)
        )
        if told.sequence == before.sequence and (moved or told.rows != before.rows):
            self._find("sequence", "", told.sent_ns, f"still {told.sequence}, though the books have changed")
        if told.heartbeat and facts != known:
            self._find("heartbeat", "", told.sent_ns, f"states {facts} in a heartbeat, {known} before")

    def _trust(self, told: Told) -> None:
        missing = self._cursors.keys() - {trust.venue for trust in told.trusts}
        for venue in missing:
            self._find("trust", venue, told.sent_ns, f"{venue} is not listed")
        for trust, horizon in zip(told.trusts, told.horizons, strict=True):
            if trust.state != pb.LIVE and not trust.reason:
                self._find("trust", trust.venue, told.sent_ns, f"state {trust.state} without a reason")
            if trust.received_ns and trust.age_ns != max(0, told.sent_ns - trust.received_ns):
                self._find("trust", trust.venue, told.sent_ns, f"age {trust.age_ns}, it is not sent - received")
            if self._main:
                name = BookName(trust.venue, self._pair)
                self.record.note(name, trust)
                self.record.horizons[name] = horizon

    async def _place(self, told: Told) -> dict[int, int]:
        """By index: the true position of each live book; judges its age."""
        places: dict[int, int] = {}
        for index, trust in enumerate(told.trusts):
            if trust.state != pb.LIVE or trust.venue not in self._cursors:
                continue
            tape = self._cursors[trust.venue].tape
            try:
                lower = trust.position < self._told.get(trust.venue, 2**64)
                self._told[trust.venue] = trust.position
                since_ns, before = self._places.get(trust.venue, (0, 0))
                place = places[index] = await tape.place(trust.position, lower=lower, before=before)
            except Unplaced as error:
                self._find("position", trust.venue, told.sent_ns, str(error))
                continue
            if since_ns == trust.since_ns and place < before:
                self._find("sequence", trust.venue, told.sent_ns, f"live at {place} after {before}: a step back")
            self._places[trust.venue] = trust.since_ns, place
            if self._main:
                self.record.note_position(BookName(trust.venue, self._pair), place, told.sent_ns)
            lacking = tape.first_after(place)
            if lacking is not None and told.sent_ns // 1000 - lacking.time_us > self._stale_us:
                late_s = (told.sent_ns // 1000 - lacking.time_us) / 1e6
                text = f"live at {place}, which lacks a change of {late_s:.1f} s ago"
                self._find("stale", trust.venue, told.sent_ns, text, position=place)
        return places

    def _levels_true(self, told: Told, places: dict[int, int], live: set[int]) -> None:
        cursors: dict[int, Cursor] = {}
        for index, place in places.items():
            venue = told.trusts[index].venue
            if self._only is None or venue in self._only:
                cursors[index] = self._cursors[venue]
                cursors[index].move(place)
        found: set[str] = set()
        for side in (0, 1):
            shown = told.rows[side]
            if shown != self._wanted(side, cursors):
                for finding in self._differences(side, told, cursors, places):
                    self.record.find(finding)
                    found.add(finding.book.venue)
        if self._whole:
            for index in cursors.keys() & live:
                venue = told.trusts[index].venue
                if venue not in found:
                    self.record.clean[BookName(venue, self._pair)] = (told.sent_ns, places[index])

    def _wanted(self, side: int, cursors: Mapping[int, Cursor]) -> Rows:
        """The rows that the contract demands."""
        n, dust = self._levels, self._dust
        rows: Rows = []
        for index, cursor in cursors.items():
            amounts = cursor.amounts[side]
            if dust == NO_DUST:
                rows += [(key, -amounts[key], index) for key in cursor.keys[side][:n]]
                continue
            kept = (key for key in cursor.keys[side] if dust.keeps(key, amounts[key]))
            rows += [(key, -amounts[key], index) for key, _ in zip(kept, range(n), strict=False)]
        rows.sort()
        if not self._by_price:
            return rows[:n]
        prices, last = 0, None
        for at, (key, _, _) in enumerate(rows):
            if key != last:
                if prices == n:
                    return rows[:at]
                prices += 1
                last = key
        return rows

    def _differences(
        self, side: int, told: Told, cursors: Mapping[int, Cursor], places: Mapping[int, int]
    ) -> Iterator[Finding]:
        """Each level that is not as it should be. Beyond a book's horizon levels may be missing, never wrong."""
        shown = {(key, index): -amount for key, amount, index in told.rows[side]}
        count = len({key for key, _ in shown}) if self._by_price else len(shown)
        worst = max((key for key, _ in shown), default=None) if count >= self._levels else None
        smallest = min((amount for (key, _), amount in shown.items() if key == worst), default=0)
        for index, cursor in cursors.items():
            name, place = BookName(told.trusts[index].venue, self._pair), places[index]
            keys, amounts, horizon = cursor.keys[side], cursor.amounts[side], told.horizons[index][side]
            for key in keys if worst is None else keys[: bisect_right(keys, worst)]:
                amount, mine = amounts[key], shown.pop((key, index), None)
                wanted = amount if self._dust.keeps(key, amount) else None
                if mine == wanted:
                    continue
                if mine is None and (
                    (horizon is not None and key > horizon)
                    or (not self._by_price and key == worst and amount <= smallest)
                ):
                    continue
                kind = "missing" if mine is None else "extra" if wanted is None else "wrong"
                text = f"{_SIDES[side]} {abs(key)} at {place}: shown {mine}, true {amount}"
                yield Finding(kind, name, told.sent_ns, text, side, key, place)
        for (key, index), mine in shown.items():
            if index in cursors:
                name, place = BookName(told.trusts[index].venue, self._pair), places[index]
                text = f"{_SIDES[side]} {abs(key)} at {place}: shown {mine}, true none"
                yield Finding("extra", name, told.sent_ns, text, side, key, place)

    def _find(self, kind: str, venue: str, sent_ns: int, text: str, position: int = 0) -> None:
        self.record.find(Finding(kind, BookName(venue, self._pair), sent_ns, text, position=position))


def _facts(trust: pb.VenueState) -> tuple[str, int, str, int, int]:
    """What a heartbeat cannot change."""
    return trust.venue, trust.state, trust.reason, trust.since_ns, trust.next_try_ns


def _whole(number: float) -> int:
    """The decimal that a double names, in units; its shortest writing is that decimal."""
    return int(Decimal(repr(number)).scaleb(DECIMALS))
