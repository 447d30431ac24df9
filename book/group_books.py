"""The books of several pairs as one: the read-only view of a quote group."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack

from msgspec.structs import replace

from book.converting import AT_PAR, ladder
from book.group import Leg, Plan
from book.group_picture import Part, entry_name, picture
from book.pair import Pair
from book.pair_books import PairBooks, PairView
from book.side import NO_DUST, Dust
from book.state import State
from book.venue_book import VenueBook

_LOOK = 20  # levels of the books of conversion that are looked at first, however few are shown
_MOST = 5000
_DEEPER = 4  # times as many where these do not take what is shown


class GroupBooks:
    """The merged market of one base in a quote group: pictures as PairBooks gives them, and the same signal.

    It has no books and no lock of its own: each part is pictured under its own lock, one after another, and the
    version is the sum of theirs. Any thread.
    """

    def __init__(self, plan: Plan, books: Mapping[Pair, PairBooks]) -> None:
        """`books` must hold all parts of `plan`."""
        self.plan = plan
        self.pair = plan.pair
        self.parts = {pair: books[pair] for pair in plan.parts}

    @property
    def price_decimals(self) -> int:
        """Digits after the point of a price."""
        return self.view(0).price_decimals

    @property
    def amount_decimals(self) -> int:
        """Digits after the point of an amount."""
        return self.view(0).amount_decimals

    @property
    def books(self) -> dict[str, VenueBook]:
        """The venues' books of all members, by the names that they have in the group."""
        return {
            entry_name(venue, leg.pair): book
            for leg in self.plan.usable
            for venue, book in self.parts[leg.pair].books.items()
        }

    @property
    def converters(self) -> frozenset[str]:
        """The venues whose books may be used to convert."""
        ways = [self.parts[way] for leg in self.plan.usable for way in leg.by]
        return frozenset(
            venue for books in ways for venue, book in books.books.items() if book.state is not State.UNLISTED
        )

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after every write to any part, as PairBooks.listen; returns a function that ends this."""
        with ExitStack() as stops:
            for books in self.parts.values():
                stops.callback(books.listen(listener))
            return stops.pop_all().close

    def view(self, levels: int, dust: Dust = NO_DUST, venues: Iterable[str] | None = None) -> PairView:
        """A picture in the group's unit, as PairBooks.view gives it; `venues`: names as in `books`."""
        wanted = None if venues is None else frozenset(venues)
        return picture(self.plan, [self._part(leg, levels, dust, wanted) for leg in self.plan.usable])

    def _part(self, leg: Leg, levels: int, dust: Dust, wanted: frozenset[str] | None) -> Part:
        books = self.parts[leg.pair]
        only = None if wanted is None else [name for name in books.books if entry_name(name, leg.pair) in wanted]
        own = self._unshared(leg, books.view(levels, dust, only))
        if not leg.by:
            return Part(leg, own, (), AT_PAR, AT_PAR)
        look = max(_LOOK, levels)
        while True:
            by = tuple((self.parts[way].view(look), way.base == leg.unit) for way in leg.by)
            part = Part(leg, own, by, ladder(by, look, sell=True), ladder(by, look, sell=False))
            if look >= _MOST or not part.deeper:
                return part
            look = min(_MOST, look * _DEEPER)

    def _unshared(self, leg: Leg, own: PairView) -> PairView:
        """The picture in which the one book of a venue for two members is merged once."""
        shown: dict[tuple[str, str], Pair] = {}  # by venue and market: the member that shows its book
        for each in self.plan.usable:
            for venue, book in self.parts[each.pair].books.items():
                if book.instrument is not None:
                    shown.setdefault((venue, book.instrument.alias_of or book.instrument.symbol), each.pair)
        venues = list(own.venues)
        for rank, view in enumerate(venues):
            instrument = self.parts[leg.pair].books[view.venue].instrument
            if instrument is None:
                continue
            by = shown[view.venue, instrument.alias_of or instrument.symbol]
            if by != leg.pair and view.state is State.LIVE:
                reason = f"{view.venue} has one book for {by} and {leg.pair}: merged as {by}"
                venues[rank] = replace(view, left_out=view.left_out or reason)
        return replace(own, venues=tuple(venues))
