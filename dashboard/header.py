"""The lines around the book: header, the line under it, the pressure of both sides and the keys."""

from typing import NamedTuple

from dashboard import conversions, venues
from dashboard.feed import FeedState, View
from dashboard.keys import Keys
from dashboard.market import Level, Touch
from dashboard.numbers import (
    NONE,
    age,
    amounts_of,
    basis_points,
    clock,
    countdown,
    divided,
    duration,
    grouped,
    half,
    imbalance,
    short_age,
)
from dashboard.rows import Part, Role, Row, Span, fitted, line

WIDE = 120  # from here on the header has room for the best quotes

GLYPHS = {
    FeedState.CONNECTING: ("◌", Role.BUSY),
    FeedState.WAITING: ("◌", Role.BUSY),
    FeedState.LIVE: ("●", Role.GOOD),
    FeedState.STALE: ("◐", Role.WARN),
    FeedState.DISCONNECTED: ("✕", Role.BAD),
    FeedState.RECONNECTING: ("↻", Role.BUSY),
}


def mid_text(view: View) -> str:
    """The mid price with its mark: ▲ ▼ of the last change, × when venues cross."""
    book = view.book
    if book is None or book.twice_mid is None:
        return NONE
    text = half(book.twice_mid, book.price_decimals)
    mark = {1: "▲", -1: "▼", 0: " "}[0 if view.frozen else view.trend]
    if book.touch is Touch.CROSSED:
        mark = "×"
    number = text.rstrip()
    return f"{number} {mark}" + " " * (len(text) - len(number))


def spread_text(view: View) -> tuple[str, str]:
    """The spread and the same in basis points."""
    book = view.book
    if book is None or book.spread is None or book.twice_mid is None:
        return NONE, NONE
    return grouped(book.spread, book.price_decimals), basis_points(book.spread, book.twice_mid)


def imbalance_text(view: View, depth: int) -> str:
    """Imbalance of the displayed levels."""
    return imbalance(*view.book.sums(depth)) if view.book is not None else NONE


def header(view: View, width: int, depth: int, badge: tuple[str, Role] | None = None) -> Row:
    """Line 1: pair, mid, best quotes where there is room, spread, imbalance; on the right the state of the feed."""
    spread, points = spread_text(view)
    mid = (Span("mid ", Role.QUIET), Span(mid_text(view), Role.STRONG))
    left = [*_name(view), Part(2, mid)]
    if width >= WIDE and view.book is not None:
        left.append(Part(5, (*_quote(view, "bid"), Span("  "), *_quote(view, "ask"))))
    left.append(Part(3 if view.pause is None else 7, (Span("spread ", Role.QUIET), Span(spread))))
    if view.pause is None and (not view.frozen or view.state is FeedState.STALE):
        left[-1] = Part(3, (*left[-1].spans, Span(f" ({points} bp)")))
        left.append(Part(4, (Span("imb ", Role.QUIET), Span(imbalance_text(view, depth)))))
    right = [*_badge(badge), *feed_parts(view)]
    return line(width, left, right, "    " if width >= WIDE else "  ")


def _name(view: View) -> list[Part]:
    """The pair. Nobody is to take a quote group for one of its members, nor par for a rate."""
    name = Span(view.pair or "default pair", Role.KEY)
    book = view.book
    if book is None or not book.unit:
        return [Part(0, (name,))]
    told = [(0, (name, Span(" group", Role.QUIET))), (6, (Span(conversions.hint(book), Role.QUIET),))]
    told += [
        (2, (Span(conversions.at_par(book), Role.WARN),)),
        (4, (Span(conversions.unconverted(book), Role.WARN),)),
    ]
    return [Part(rank, spans) for rank, spans in told if spans[0].text]


def _quote(view: View, side: str) -> tuple[Span, ...]:
    assert view.book is not None
    levels: tuple[Level, ...] = view.book.bids if side == "bid" else view.book.asks
    if not levels:
        return (Span(f"{side} ", Role.QUIET), Span(NONE))
    best = levels[0]
    form = amounts_of(best.amount, view.book.amount_decimals)
    signs = venues.marks(view)
    who = "".join(signs[index] for index, _ in sorted(best.amounts))
    role = Role.BEST_BID if side == "bid" else Role.BEST_ASK
    price = grouped(best.price, view.book.price_decimals)
    return (Span(f"{side} ", Role.QUIET), Span(price, role), Span(f" × {form.text(best.amount)} {who}"))


def feed_parts(view: View) -> list[Part]:
    """The state of the feed, with its own words while paused or frozen; never only a colour."""
    if view.pause is not None:
        parts = [
            Part(0, (Span(f"‖ PAUSED {duration(view.pause.for_ns)}", Role.WARN),)),
            Part(1, (Span(f"{view.pause.behind:,} updates behind", Role.WARN),)),
        ]
        if view.state is not FeedState.LIVE:
            glyph, role = GLYPHS[view.state]
            return [*parts, Part(2, (Span(f"{glyph} {view.state.name}", role),))]
        return [*parts, Part(6, (Span("space", Role.KEY), Span(" resume")))]
    if view.had_book and view.state in (FeedState.DISCONNECTED, FeedState.RECONNECTING, FeedState.CONNECTING):
        return [
            Part(0, (Span(f"✕ FROZEN {duration(view.down_ns)}", Role.BAD),)),
            Part(1, (Span(lost_text(view)),)),
        ]
    glyph, role = GLYPHS[view.state]
    word = view.state.name
    if view.state is FeedState.LIVE:
        return [Part(0, (Span(f"{glyph} {word}", role), Span(f"  {_age_text(view)}")))]
    if view.state is FeedState.STALE:
        return [Part(0, (Span(f"{glyph} {word}  {age(view.silent_ns)}", role),))]
    if view.state is FeedState.RECONNECTING:
        word += f" {view.attempt}"
    return [Part(0, (Span(f"{glyph} {word}", role),))]


def lost_text(view: View) -> str:
    """What became of the server, and what happens next."""
    what = "server lost"
    if view.failure is not None and view.failure.refused:
        what = f"refused: {view.failure.code}"
    elif view.cause is not None and view.cause.code == "OK":
        what = "server stopped"
    if view.state is FeedState.DISCONNECTED:
        return f"{what}, retry {countdown(view.retry_ns)}"
    return f"{what}, trying"


def _age_text(view: View) -> str:
    told = view.age
    if told is None:
        return NONE
    return age(told[0]) if told[1] else f"~{age(told[0])}"


def second(view: View, width: int, muted: frozenset[int] = frozenset()) -> Row:
    """Line 2: the venues; without a server nothing is known of them, and it says what the picture is worth."""
    if view.pause is None and view.had_book and view.book is not None and not view.fresh:
        stamp = clock(view.book.clocks.received_ns or view.book.clocks.sent_ns)
        told = (
            Span(f"last book {stamp} UTC: ", Role.WARN),
            Span("values below are NOT live", Role.WARN),
        )
        return line(width, [Part(0, told)], [Part(1, (Span("r", Role.KEY), Span(" retry")))])
    return venues.strip(view, width, muted)


def _badge(badge: tuple[str, Role] | None) -> list[Part]:
    return [Part(1, (Span(*badge),))] if badge is not None else []


def mini(view: View, width: int, depth: int, badge: tuple[str, Role] | None = None) -> list[Row]:
    """The two header lines of a small terminal."""
    book = view.book
    spread, points = spread_text(view)
    name = Part(1, (Span(view.pair or "default pair", Role.KEY),))
    first = line(
        width,
        [name, Part(2, (Span(mid_text(view).rstrip(), Role.STRONG),))],
        [*_badge(badge), *_mini_state(view)],
        " ",
    )
    if view.pause is None and view.had_book and book is not None and not view.fresh:
        stamp = clock(book.clocks.received_ns or book.clocks.sent_ns)
        told = [Part(0, (Span(f"{stamp[:8]} UTC, NOT live", Role.WARN),))]
        return [first, line(width, told, [Part(1, (Span("r", Role.KEY), Span(" retry")))])]
    left = [
        Part(1, (Span("spr ", Role.QUIET), Span(f"{spread} {points}bp"))),
        Part(3, (Span("imb ", Role.QUIET), Span(imbalance_text(view, depth)))),
    ]
    if book is None:
        return [first, line(width, left)]
    away = [
        span
        for entry, venue in zip(venues.entries(view, "glyphs"), book.venues, strict=True)
        if venue.wanted and not venue.live
        for span in entry
    ]
    up = [Part(2, (Span(f"{book.live_venues}/{book.wanted_venues} up"),)), Part(4, tuple(away))]
    return [first, line(width, left, up if away else up[:1])]


def _mini_state(view: View) -> list[Part]:
    glyph, role = GLYPHS[view.state]
    if view.pause is not None:
        return [Part(0, (Span(f"‖ PAUSED +{view.pause.behind}", Role.WARN),))]
    if view.state is FeedState.LIVE:
        told = view.age
        return [Part(0, (Span(glyph, role), Span(f" {short_age(told[0]) if told else NONE}")))]
    if view.state is FeedState.STALE:
        return [Part(0, (Span(f"{glyph} STALE {short_age(view.silent_ns)}", role),))]
    if view.had_book and view.state is not FeedState.WAITING:
        return [Part(0, (Span(f"✕ FROZEN {duration(view.down_ns)}", Role.BAD),))]
    return [Part(0, (Span(f"{glyph} {view.state.name}", role),))]


def pressure(view: View, width: int, depth: int) -> Row:
    """The share of both sides over the displayed levels as one bar, and the updates a second."""
    right = f"{view.rate:,}/s "
    if view.book is None or not sum(sums := view.book.sums(depth)):
        return Row(fitted([Span(" bid ─ ", Role.QUIET), Span(" " * (width - 8 - len(right))), Span(right)], width))
    bid = divided(sums[0] * 100, sum(sums))
    head, tail = f" bid {bid:>2}% ", f" {100 - bid:>2}% ask   {right:>7}"
    room = max(0, width - len(head) - len(tail))
    full = divided(sums[0] * room, sum(sums))
    return Row(
        fitted(
            [
                Span(head, Role.QUIET),
                Span("█" * full, Role.BID_BAR),
                Span("▓" * (room - full), Role.ASK_BAR),
                Span(tail, Role.QUIET),
            ],
            width,
        )
    )


class FooterKey(NamedTuple):
    """One key of the footer and the cells that a click may hit."""

    action: str
    start: int
    end: int


def footer(view: View, width: int, keys: Keys, panel: str, mini: bool = False) -> tuple[Row, tuple[FooterKey, ...]]:
    """The keys, the most used first; as many as fit, and where each stands."""
    spans: list[Span] = []
    places: list[FooterKey] = []
    at = 1
    for action in keys.footer(panel, mini):
        label = "Resume" if action.id == "pause" and view.pause is not None else action.label
        sign = "/".join(keys.sign(name) for name in (action.id, action.beside) if name)
        cells = len(sign) + 1 + len(label)
        if at + cells + 1 > width:
            break
        spans += [Span("  " if spans else " "), Span(sign, Role.KEY), Span(f" {label}", Role.QUIET)]
        places.append(FooterKey(action.id, at, at + cells))
        at += cells + 2
    return Row(fitted(spans, width)), tuple(places)
