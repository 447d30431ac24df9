"""What the tests of the book's parts share: a view of a message, a picture of it, and books by chance."""

from typing import Any

from hypothesis import strategies as st

from dashboard.feed import View
from dashboard.ladder import Picture, Shape, State, drawn
from dashboard.market import Book, decode
from dashboard.options import Options
from proto import orderbook_pb2 as pb
from tests.dashboard.fake import book, market, venue
from tests.dashboard.test_rows import seen

SCALE = 10**6


def view_of(message: pb.Book) -> View:
    """A live view of one message."""
    return seen(message)[0].view()


def picture(
    source: pb.Book | View,
    options: Options | None = None,
    *,
    width: int = 80,
    height: int = 20,
    state: State | None = None,
    shape: Shape | None = None,
    now_ns: int = 0,
    tick: int = 1,
) -> Picture:
    """The ladder of a message."""
    view = source if isinstance(source, View) else view_of(source)
    return drawn(view, width, height, shape or Shape(), options or Options(), state or State(), now_ns, tick)


def texts(found: Picture) -> list[str]:
    """The lines of a picture."""
    return [row.text for row in found.rows]


def _side(draw: st.DrawFn, start: int, step: int, most: int) -> list[tuple[int, dict[int, int]]]:
    moves = draw(st.lists(st.integers(1, 400), max_size=most))
    levels, price = [], start
    for move in moves:
        price += step * move
        amounts = draw(st.dictionaries(st.integers(0, 2), st.integers(1, 10**9), min_size=1, max_size=3))
        levels.append((price, amounts))
    return levels


@st.composite
def messages(draw: st.DrawFn, /, *, uncrossed: bool = False, most: int = 12, **fields: Any) -> pb.Book:
    """A book of three venues: open, locked or crossed, one side or both empty."""
    mid = draw(st.integers(10_000, 10**7))
    gap = draw(st.integers(-300 if not uncrossed else -1, 300))
    bids = _side(draw, mid, -1, most)
    asks = _side(draw, max(1, mid + gap), 1, most)
    entries = [venue(name) for name in ("binance", "kraken", "okx")]
    for entry in entries:
        if draw(st.booleans()):
            entry.known_bid = mid - draw(st.integers(0, 2_000))
        if draw(st.booleans()):
            entry.known_ask = mid + draw(st.integers(0, 2_000))
    return book([level for level in bids if level[0] > 0], asks, entries, **fields)


books = messages().map(lambda message: decode(message, None))
uncrossed_books = messages(uncrossed=True).map(lambda message: decode(message, None))


def plain_book(**fields: Any) -> Book:
    """The synthetic book that most tests look at."""
    return decode(market(**fields), None)
