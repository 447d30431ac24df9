"""What stands in the place of the book while there is none: waiting, and no server."""

from collections.abc import Sequence

from dashboard import venues
from dashboard.feed import FeedState, View
from dashboard.header import GLYPHS
from dashboard.keys import Keys
from dashboard.market import Level
from dashboard.numbers import age, countdown, duration, grouped
from dashboard.rows import Role, Row, Span, blank, cells, centred, fitted

PATIENCE_NS = 5_000_000_000  # after this long without a book the card says so
MIN_WIDTH, MIN_HEIGHT = 40, 8
FRAME_WIDTH, FRAME_HEIGHT = 60, 9  # smaller cards have no frame

Line = tuple[Span, ...]


def card(view: View, width: int, height: int, keys: Keys, *, bare: bool = False) -> list[Row]:
    """The body of the screen without a book. `bare`: a panel's frame is around it already."""
    if view.state in (FeedState.CONNECTING, FeedState.WAITING) and view.failure is None:
        lines = _waiting(view, width, keys)
    else:
        lines = _unreachable(view, width, keys)
    if bare or width < FRAME_WIDTH or height < FRAME_HEIGHT:
        return _plain(lines, width, height)
    return _framed(view, lines, width, height)


def state(view: View) -> tuple[Span, ...]:
    """The state of the feed, for a frame."""
    glyph, role = GLYPHS[view.state]
    return (Span(f"{glyph} {view.state.name}", role),)


def _waiting(view: View, width: int, keys: Keys) -> list[Line]:
    if view.state is FeedState.CONNECTING:
        return [(Span(f"◌  Connecting to {view.address}", Role.BUSY), Span(f"  {age(view.waiting_ns)}"))]
    head = (
        Span(f"◌  Connected to {view.address}, ", Role.BUSY),
        Span(f"waiting for the first book  {age(view.waiting_ns)}"),
    )
    lines: list[Line] = [head]
    if width < FRAME_WIDTH:
        lines = [
            (Span(f"◌  Connected to {view.address}", Role.BUSY),),
            (Span(f"   no book yet  {age(view.waiting_ns)}"),),
        ]
    if view.book is not None and view.book.venues:
        lines += _venue_lines(view, width - 8)
    if view.waiting_ns >= PATIENCE_NS:
        lines.append((Span(f"   no book for {view.pair or 'its default pair'} from this server", Role.WARN),))
        key = Span(keys.sign("symbol"), Role.KEY)
        lines.append((Span("   "), key, Span(" to pick another", Role.QUIET)))
    return lines


def _venue_lines(view: View, width: int) -> list[Line]:
    """The venues with their reasons, a line each when there are few words to a line."""
    words = venues.entries(view, "words")
    reasons = venues.entries(view, "reason")
    if all(cells(long) <= cells(short) + 12 for long, short in zip(reasons, words, strict=True)):
        row: list[Span] = [Span("  ")]
        for entry in words:
            row += [Span(" "), *entry, Span("  ")]
        if cells(row) <= width:
            return [tuple(row)]
    return [(Span("   "), *entry) for entry in reasons]


def _unreachable(view: View, width: int, keys: Keys) -> list[Line]:
    room = max(10, width - (8 if width < FRAME_WIDTH else 24))
    refused = view.failure is not None and view.failure.refused
    title = f"✕  {view.address} refuses the request" if refused else f"✕  Cannot reach {view.address}"
    tries = "trying now" if view.state is not FeedState.DISCONNECTED else f"next try in {countdown(view.retry_ns)}"
    facts = [f"attempt {view.attempt}", tries, f"down for {duration(view.down_ns)}"]
    way_out = "Start the server: this screen then fills by itself"
    if refused:
        way_out = f"It was asked for {view.pair or 'its default pair'}: pick another pair, or another server"
    offered = [("reconnect", "retry now"), ("address", "change address"), ("log", "log"), ("quit", "quit")]
    if refused:
        offered.insert(1, ("symbol", "another pair"))
    told: Line = (Span("  "),)
    for name, label in offered:
        key: Line = (Span(" "), Span(keys.sign(name), Role.KEY), Span(f" {label}  "))
        if cells(told) + cells(key) <= width - 4:
            told = (*told, *key)
    lines: list[Line] = [(Span(title, Role.BAD),)]
    lines += [(Span(f"   {text}"),) for text in _wrapped(str(view.failure or "no answer yet"), room)]
    if width < FRAME_WIDTH:
        lines += [(Span(f"   {facts[0]} · {facts[1]}"),), (Span(f"   {facts[2]}"),), told]
    else:
        lines += [(Span("   " + " · ".join(facts)),), (), told]
    lines += [(Span(f"   {text}", Role.QUIET),) for text in _wrapped(way_out, room)]
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """At most three lines of words."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines[:3]


def _plain(lines: Sequence[Line], width: int, height: int) -> list[Row]:
    """In the middle, without a frame."""
    shown = [entry for entry in lines if entry][:height] if height < FRAME_HEIGHT else list(lines)[:height]
    left = max(1, min(12, (width - max((cells(entry) for entry in shown), default=0)) // 2))
    top = (height - len(shown)) // 2
    rows = [blank(width)] * top + [Row(fitted([Span(" " * left), *entry], width)) for entry in shown]
    return rows + [blank(width)] * (height - len(rows))


def _framed(view: View, lines: Sequence[Line], width: int, height: int) -> list[Row]:
    inner = width - 2
    name = f"─ Book  {view.pair} " if view.pair else "─ Book "
    (word,) = state(view)
    shown = list(lines)[: height - 2]
    left = max(2, min(12, (inner - max(cells(entry) for entry in shown)) // 2))
    top = max(0, (height - 2 - len(shown)) // 2)
    body: list[Line] = [()] * top + [(Span(" " * left), *entry) for entry in shown]
    body += [()] * (height - 2 - len(body))
    rows = [Row(fitted([Span("╭" + name.ljust(inner, "─") + "╮", Role.QUIET)], width))]
    rows += [Row((Span("│", Role.QUIET), *fitted(entry, inner), Span("│", Role.QUIET))) for entry in body]
    rule = "╰" + "─" * (inner - len(word.text) - 3) + " "
    rows.append(Row(fitted([Span(rule, Role.QUIET), word, Span(" ─╯", Role.QUIET)], width)))
    return rows


def too_small(view: View, width: int, height: int) -> list[Row]:
    """One line that says how much room is needed, and the best prices when they fit."""
    lines: list[Line] = [(Span(f"need {MIN_WIDTH}x{MIN_HEIGHT}, have {width}x{height}", Role.WARN),)]
    if view.book is not None and view.book.bids and view.book.asks and height > 1:
        places = view.book.price_decimals
        best: list[Level] = [view.book.bids[0], view.book.asks[0]]
        quote = " / ".join(grouped(level.price, places) for level in best)
        if len(quote) <= width:
            lines.append((Span(quote, Role.NORMAL if not view.frozen else Role.QUIET),))
    top = max(0, (height - len(lines)) // 2)
    rows = [blank(width)] * top + [Row(centred(entry, width)) for entry in lines]
    return (rows + [blank(width)] * height)[:height]
