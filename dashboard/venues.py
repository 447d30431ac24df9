"""How a venue is shown: its letter, the glyph and the word of its state, and the strip of all venues."""

from collections.abc import Iterator, Sequence

from dashboard.feed import FeedState, View
from dashboard.market import Book, Venue
from dashboard.numbers import countdown, short_age, short_duration
from dashboard.rows import VENUE_ROLES, Part, Role, Row, Span, cells, line
from proto import orderbook_pb2 as pb

# Letters by which traders know the big venues; others take the first letter of their name that is free.
KNOWN_LETTERS = {
    "binance": "B",
    "bitstamp": "S",
    "kraken": "K",
    "coinbase": "C",
    "okx": "O",
    "bybit": "Y",
    "bitfinex": "F",
    "gemini": "G",
    "kucoin": "U",
    "deribit": "D",
}

LIVE = pb.LIVE
MUTED = "○"  # by the user: nothing is wrong with it

_STATES: dict[int, tuple[str, str, Role]] = {
    pb.CONNECTING: ("◌", "connecting", Role.BUSY),
    pb.SYNCING: ("↻", "resync", Role.BUSY),
    pb.LIVE: ("●", "live", Role.GOOD),
    pb.STALE: ("◐", "stale", Role.WARN),
    pb.GAP: ("↻", "resync", Role.BUSY),
    pb.DOWN: ("✕", "down", Role.BAD),
    pb.DISABLED: ("—", "disabled", Role.QUIET),
    pb.UNLISTED: ("—", "unlisted", Role.QUIET),
    pb.UNCONVERTED: ("◐", "unconverted", Role.WARN),
}


def letters(names: Sequence[str]) -> tuple[str, ...]:
    """One letter a venue, unique and the same in every message that names the same venues; `?` after 36 of them."""
    given: dict[str, str] = {}
    for name in names:
        known = KNOWN_LETTERS.get(name)
        if known and known not in given.values():
            given[name] = known
    for name in names:
        if name not in given:
            free = f"{name.upper()}ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
            given[name] = next((sign for sign in free if sign.isalnum() and sign not in given.values()), "?")
    return tuple(given[name] for name in names)


def letters_of(entries: Sequence[Venue]) -> tuple[str, ...]:
    """A mark for each entry of a book: the venue's letter, and in a group of quotes that of the entry's quote.

    A group has an entry for each of a venue's markets, named `kraken/usdt`: the small letter is the last one of the
    quote, so that Kraken's BTC/USD is `Kd` and its BTC/USDT `Kt`. A number follows where that is not enough.
    """
    bases = [entry.name.partition("/")[0] for entry in entries]
    given = dict(zip(dict.fromkeys(bases), letters(list(dict.fromkeys(bases))), strict=True))
    out: list[str] = []
    for entry, base in zip(entries, bases, strict=True):
        mark = given[base]
        quote = entry.name.partition("/")[2] or (entry.symbol if bases.count(base) > 1 else "")
        if quote:
            mark += next((sign for sign in reversed(quote) if sign.isalnum()), "").lower()
        count = sum(other.rstrip("23456789") == mark for other in out)
        out.append(f"{mark}{count + 1}" if count and quote else mark)
    return tuple(out)


def venue_role(index: int) -> Role:
    """The colour of a venue's letter; the letter tells the venue, the colour only helps."""
    return VENUE_ROLES[index % len(VENUE_ROLES)]


def state_of(venue: Venue) -> tuple[str, str, Role]:
    """Glyph, word and role of a venue's state. A first snapshot is no resync; a suspect is no good news."""
    if venue.state == pb.SYNCING and not venue.resyncs and not venue.gaps:
        return "◌", "snapshot", Role.BUSY
    if venue.suspect:
        return "?", "suspect", Role.WARN
    if venue.state == pb.LIVE and venue.left_out:
        return "—", "left out", Role.WARN
    return _STATES.get(venue.state, ("?", "unknown", Role.WARN))


def why(venue: Venue) -> str:
    """Why a venue's book is not merged, or is not to be believed; empty: nothing is wrong with it."""
    if venue.suspect:
        return f"{venue.ppm / 100:+.2f} bp off {venue.against}" + ("; not merged" if venue.left_out else "")
    return venue.reason


def worded(word: str, reason: str) -> str:
    """A state and its reason, which may begin with the same word: `disabled by the operator`."""
    if not reason:
        return word
    return reason if reason.startswith(word) else f"{word}: {reason}"


def state_name(state: int) -> str:
    """The state as programs read it: `live`, `gap`, ..."""
    try:
        return pb.State.Name(state).lower().removeprefix("state_")
    except ValueError:
        return f"state_{state}"  # of a newer server


def check_name(check: int) -> str:
    """What confirmed a book, as programs read it: `checksum`, ...; `none`."""
    try:
        return pb.Check.Name(check).lower().removeprefix("check_")
    except ValueError:
        return f"check_{check}"  # of a newer server


def strip(view: View, width: int, muted: frozenset[int] = frozenset()) -> Row:
    """The venue strip: letter, glyph, word and age of each, in the detail that `width` holds; how many are live.

    `muted`: those that the user does not want to hear; nothing is wrong with them.
    """
    if view.book is None or not view.book.venues:
        return line(width, [Part(0, (Span("no venue known yet", Role.QUIET),))])
    book = view.book
    count = f"venues {book.live_venues}/{book.wanted_venues} live"
    role = Role.NORMAL if book.live_venues == book.wanted_venues else Role.WARN
    if view.state is FeedState.STALE and view.pause is None:  # nothing is known of the venues at this moment
        count, role = f"last told {book.live_venues}/{book.wanted_venues} live", Role.WARN
    right = [Part(0, (Span(count, role),))]
    for detail in ("reason", "names", "words", "ages", "glyphs"):
        parts = [Part(1, entry) for entry in entries(view, detail, muted)]
        if 2 + sum(cells(part.spans) + 3 for part in parts) + len(count) <= width:
            return line(width, parts, right, "   ")
    packed = tuple(_packed(view, muted))
    if cells(packed) + len(count) + 4 > width:  # too many: those that something is to be said of
        packed = tuple(_packed(view, muted, only=frozenset(_remarkable(book, muted))))
    return line(width, [Part(1, packed)], right)


def entries(view: View, detail: str, muted: frozenset[int] = frozenset()) -> list[tuple[Span, ...]]:
    """Every venue as spans. `detail`: reason, names, words, ages or glyphs, ever shorter."""
    assert view.book is not None
    out: list[tuple[Span, ...]] = []
    for index, (venue, letter) in enumerate(zip(view.book.venues, marks(view), strict=True)):
        glyph, word, role = state_of(venue)
        name = f"{letter} {venue.name}" if detail in ("reason", "names") else letter
        told = _told(view, index, word, detail)
        if index in muted:
            glyph, told, role = MUTED, "" if detail == "glyphs" else "muted", Role.QUIET
        glyph_text = f"{glyph} {told}" if told else glyph
        out.append((Span(name, venue_role(index)), Span(" " if detail != "glyphs" else ""), Span(glyph_text, role)))
    return out


def marks(view: View) -> tuple[str, ...]:
    """The letters of the book's venues."""
    assert view.book is not None
    return letters_of(view.book.venues)


def excluded(view: View) -> str:
    """Letters of the venues that ought to be in the totals and are not: `C,O`."""
    assert view.book is not None
    pairs = zip(view.book.venues, marks(view), strict=True)
    return ",".join(letter for venue, letter in pairs if venue.wanted and not venue.live)


def _told(view: View, index: int, word: str, detail: str) -> str:
    assert view.book is not None
    venue = view.book.venues[index]
    if detail == "glyphs":
        return ""
    if venue.live and not venue.suspect:
        return short_age(view.venue_age(index)) if venue.received_ns else word
    if not venue.wanted:
        return worded(word, why(venue)[:60]) if detail == "reason" else word
    if detail == "ages":
        return word
    since_ns = venue.far_since_ns if venue.suspect else 0 if venue.left_out else venue.since_ns
    told = f"{word} {short_duration(view.since(since_ns))}" if since_ns else word
    if detail == "reason":
        if reason := why(venue):
            told += f": {reason[:60]}"
        if venue.state == pb.DOWN and venue.next_try_ns:
            told += f", next try in {countdown(view.until(venue.next_try_ns))}"
    return told


def _packed(view: View, muted: frozenset[int], only: frozenset[int] | None = None) -> list[Span]:
    """Letter and glyph without a gap: the last resort, left out when even that is too long. `only`: of these."""
    shown = [entry for at, entry in enumerate(entries(view, "glyphs", muted)) if only is None or at in only]
    return [span for entry in shown for span in (*entry, Span(" "))]


def _remarkable(book: Book, muted: frozenset[int]) -> Iterator[int]:
    """The venues that are not heard, or not simply live."""
    for index, venue in enumerate(book.venues):
        if index in muted or venue.suspect or not venue.live:
            yield index
