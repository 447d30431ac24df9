"""The venues: how far each one's book can be trusted, and why."""

from dashboard import conversions, muting, venues
from dashboard.feed import View
from dashboard.market import Book, Venue
from dashboard.numbers import NONE, countdown, divided, grouped, short_age, short_duration
from dashboard.panels.base import Host, Scene, Scrolling
from dashboard.rows import Part, Role, Row, Span, line
from dashboard.status import Budget
from dashboard.tables import Column, cursor, filled, table
from proto import orderbook_pb2 as pb

NEAR_BP = 10  # a venue's share of the depth is told within so many basis points of the mid

COLUMNS = (
    Column("venue", 0, right=False, least=9),
    Column("state", 1, right=False, least=10),
    Column("since", 9, least=5),
    Column("bid", 2),
    Column("ask", 2),
    Column("spread", 8),
    Column("age", 7, least=6),
    Column("lag 50/99", 3, least=9),
    Column("upd/s", 4, least=5),
    Column(f"±{NEAR_BP}bp", 10, least=5),
    Column("gaps", 6, least=4),
    Column("reconn", 11, least=6),
    Column("audits", 12, least=6),
    Column("checked", 13, least=7),
    Column("reason", 5, right=False, least=24, grows=True),
)


class VenuesPanel(Scrolling):
    """One line a venue, then what its limits leave."""

    id = "venues"
    title = "Venues"

    def rows(self, scene: Scene, width: int, height: int) -> list[Row]:
        """The table, and the budgets where there is room."""
        view = scene.view
        if view.book is None:
            return filled(
                [line(width, [Part(0, (Span("no venues: no book has come yet", Role.QUIET),))])], width, height
            )
        shares = near_shares(view.book, NEAR_BP)
        letters = venues.marks(view)
        away = muting.silent(view.book, scene.options)
        lines = [
            self._line(scene, index, venue, letters[index], shares[index], index in away)
            for index, venue in enumerate(view.book.venues)
        ]
        head, body = table(COLUMNS, lines, width)
        rates = conversions.rows(view, width)
        room = max(1, height - 1 - len(rates))
        if room < min(3, len(body)):
            rates, room = [], max(1, height - 1)
        first, last = self.window(len(body), room)
        if not scene.wide or len(body) > room:
            body[self.place] = cursor(body[self.place])
        rows = [head, *body[first:last], *rates]
        budgets = scene.status.budgets if scene.status is not None else ()
        if budgets and len(rows) + 2 <= height:
            told = [_budget(budget, scene) for budget in budgets if _worth(budget)]
            if told and height - len(rows) - 1 >= 2:
                rows.append(Row((Span(" " * width),)))
                rows += table(BUDGETS, told, width)[1][: height - len(rows)]
        return filled(rows, width, height)

    def _line(self, scene: Scene, index: int, venue: Venue, letter: str, share: str, muted: bool) -> list[Span]:
        view = scene.view
        assert view.book is not None
        glyph, word, role = venues.state_of(venue)
        if muted:
            glyph, word, role = venues.MUTED, "muted", Role.QUIET
        places = view.book.price_decimals
        bid, ask = venue.best_bid, venue.best_ask
        spread = grouped(ask - bid, places) if bid is not None and ask is not None else NONE
        lag = f"{divided(venue.lag_ns, 1_000_000)}ms" if venue.lag_ns is not None else NONE
        if venue.name in scene.lags:
            half, worst = scene.lags[venue.name].percentiles(scene.now_ns, 50, 99)
            if half is not None and worst is not None:
                lag = f"{divided(half, 1_000_000)}/{divided(worst, 1_000_000)}ms"
        audits = (
            f"{venue.audits_passed}/{venue.audits_failed}" if venue.audits_passed or venue.audits_failed else NONE
        )
        return [
            Span(f"{letter} {venue.name}", venues.venue_role(index)),
            Span(f"{glyph} {word}", role),
            Span(short_duration(view.since(venue.since_ns)) if venue.since_ns else NONE),
            Span(grouped(bid, places) if bid is not None else NONE),
            Span(grouped(ask, places) if ask is not None else NONE),
            Span(spread),
            Span(short_age(view.venue_age(index)) if venue.received_ns else NONE),
            Span(lag if venue.live else _when(view, venue)),
            Span(f"{divided(venue.rate_milli, 100) / 10:.1f}" if venue.live else NONE),
            Span(share),
            Span(str(venue.gaps), Role.WARN if venue.gaps else Role.QUIET),
            Span(str(max(0, venue.connects - 1)) if venue.connects else NONE),
            Span(audits, Role.WARN if venue.audits_failed else Role.QUIET),
            Span(_checked(view, venue), Role.QUIET),
            Span(_reason(view, venue), Role.QUIET if venue.live else role),
        ]

    def on_inspect(self, host: Host) -> None:
        """The venue alone, or one of all again."""
        scene = host.scene()
        if scene.view.book is not None and scene.view.book.venues:
            host.hear(muting.soloed(scene.options, scene.view.book.venues[self.place].name))

    def clicked(self, x: int, y: int, times: int, host: Host) -> None:
        """Selects; the second click leaves that venue alone."""
        book = host.scene().view.book
        if book is not None and 0 < y <= len(book.venues):
            self.place = min(y - 1 + self.first, len(book.venues) - 1)
            if times > 1:
                self.on_inspect(host)

    def note(self, scene: Scene) -> tuple[Span, ...]:
        """How many are live."""
        book = scene.view.book
        return (Span(f"{book.live_venues}/{book.wanted_venues} live", Role.QUIET),) if book is not None else ()

    def hint(self, scene: Scene) -> str:
        """Its keys."""
        return f"{scene.keys.sign('inspect')} solo · {scene.keys.sign('venues.pick')} mute"


BUDGETS = (
    Column("budget", 0, right=False, least=9),
    Column("weight", 1, right=False, least=24),
    Column("connects", 2, right=False, least=22),
    Column("queue", 3, right=False, least=8),
    Column("ban", 0, right=False, least=10),
)


def _worth(budget: Budget) -> bool:
    return bool(budget.weight_limit or budget.connects_limit or budget.banned_until_ns)


def _budget(budget: Budget, scene: Scene) -> list[Span]:
    assert scene.status is not None
    left_ns = budget.banned_until_ns - scene.status.sent_ns - scene.status_age_ns
    banned = bool(budget.banned_until_ns) and left_ns > 0
    tight = bool(budget.weight_limit) and budget.weight_used * 10 > budget.weight_limit * 8
    weight = f"weight {budget.weight_used:,}/{budget.weight_limit:,} in {budget.window_s} s" * bool(
        budget.weight_limit
    )
    connects = f"connects {budget.connects_used}/{budget.connects_limit} in {budget.connects_window_s} s"
    return [
        Span(budget.venue, Role.QUIET),
        Span(weight or NONE, Role.WARN if tight else Role.QUIET),
        Span(connects if budget.connects_limit else NONE, Role.QUIET),
        Span(f"{budget.waiting} wait" if budget.waiting else "", Role.QUIET),
        Span(f"✕ banned {countdown(left_ns)}" if banned else "", Role.BAD),
    ]


def _when(view: View, venue: Venue) -> str:
    """In the place of the lag of a venue that has none: how long it is away, or when it is tried again."""
    if venue.state == pb.DOWN and venue.next_try_ns:
        return f"retry {countdown(view.until(venue.next_try_ns))}"
    return short_duration(view.since(venue.since_ns)) if venue.since_ns and venue.wanted else NONE


def _checked(view: View, venue: Venue) -> str:
    if not venue.checked_ns:
        return NONE
    return short_age(view.since(venue.checked_ns))


def _reason(view: View, venue: Venue) -> str:
    parts = [reason] if (reason := venues.why(venue)) else []
    if venue.state == pb.DOWN and venue.next_try_ns:
        parts.append(f"next try in {countdown(view.until(venue.next_try_ns))}")
    return ", ".join(parts)


def near_shares(book: Book, points: int) -> list[str]:
    """Each venue's share of the amounts within so many basis points of the mid; `~` where the levels end before."""
    twice = book.twice_mid
    if twice is None or twice <= 0:
        return [NONE] * len(book.venues)
    low, high = twice * (10_000 - points), twice * (10_000 + points)
    sums = [0] * len(book.venues)
    whole = True
    for side in (book.bids, book.asks):
        inside = [level for level in side if low <= 20_000 * level.price <= high]
        whole = whole and len(inside) < len(side)
        for level in inside:
            for venue, amount in level.amounts:
                sums[venue] += amount
    total = sum(sums)
    if not total:
        return [NONE] * len(book.venues)
    mark = "" if whole else "~"
    return [
        f"{mark}{divided(each * 100, total)}%" if venue.live else NONE
        for each, venue in zip(sums, book.venues, strict=True)
    ]
