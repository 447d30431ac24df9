"""What is served: the books, the catalogs behind them and what the venues' limits leave."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from book import Instrument, Pair, PairBooks
from book.analytics import Registry, built_in
from book.fees import NO_FEES, Fees
from book.group import Group
from book.group_books import GroupBooks

Books = PairBooks | GroupBooks  # of a pair that venues trade, or of several as one


@dataclass(frozen=True, slots=True)
class Budget:
    """What one venue's limits leave to us."""

    venue: str
    weight_used: int = 0  # REST weight in the current window
    weight_limit: int = 0
    window_s: int = 0
    banned_until_ns: int = 0  # ns since the epoch; 0: not banned
    waiting: int = 0  # requests in the queue
    connects_used: int = 0  # WebSocket connects in their window
    connects_limit: int = 0
    connects_window_s: int = 0


def no_budgets() -> Sequence[Budget]:
    """Budgets of a market without venues behind it, such as a replay."""
    return ()


class Listed:
    """What the venues' catalogs say; immutable, and replaced as a whole when they are read again."""

    def __init__(self, instruments: Sequence[Instrument], names: Iterable[Pair]) -> None:
        """`instruments`: all listings of all venues. `names`: every pair that a request may name."""
        self.names = tuple(dict.fromkeys(names))
        self.decimal_pairs = frozenset(each.pair for each in instruments if each.needs_decimal)
        self.listings: dict[Pair, list[Instrument]] = {}
        for each in instruments:
            self.listings.setdefault(each.pair, []).append(each)


@dataclass
class Market:
    """Everything that the services read. `budgets` is called in the services' thread: quick and thread-safe.

    `default_pair`, and what `relist` replaces, may change while it is served.
    """

    default_pair: Pair
    carried: Callable[[], Mapping[Pair, Books]]  # the pairs that this server carries now
    instruments: Sequence[Instrument] = ()  # all listings of all venues
    known: Sequence[Pair] = ()  # every pair that some venue trades, carried or not, and those of groups
    groups: Sequence[Group] = ()  # of quotes; those declared
    budgets: Callable[[], Sequence[Budget]] = field(default=no_budgets)
    version: str = ""
    started_ns: int = 0
    # Has a pair carried, at least until it is released as often; in any thread; raises Refused. None: no other pair
    # than those in `books` can be.
    hold: Callable[[Pair], None] | None = None
    release: Callable[[Pair], None] | None = None
    on_demand: bool = True  # whether a pair that is not carried may be held
    fees: Fees = field(default_factory=lambda: NO_FEES)  # taker fees by venue
    analytics: Registry = field(default_factory=built_in)
    failed_analytics: set[str] = field(default_factory=set)  # of users; by name: their first failure was told

    def __post_init__(self) -> None:
        if self.default_pair not in self.books:
            raise ValueError(f"the default pair {self.default_pair} has no books")
        self.relist(self.instruments, self.known)

    @property
    def books(self) -> Mapping[Pair, Books]:
        """The pairs that this server carries now."""
        return self.carried()

    @property
    def traded(self) -> list[Pair]:
        """Those of them that venues trade: all but the groups, which are made of them."""
        return [pair for pair in self.books if not pair.grouped]

    def relist(self, instruments: Sequence[Instrument], known: Sequence[Pair]) -> None:
        """The catalogs say this now; any thread."""
        self._listed = Listed(instruments, (*self.books, *known))

    @property
    def decimal_pairs(self) -> frozenset[Pair]:
        """The pairs whose books hold Decimal numbers instead of floats."""
        return self._listed.decimal_pairs

    @property
    def listings(self) -> Mapping[Pair, Sequence[Instrument]]:
        """The venues that trade each pair."""
        return self._listed.listings

    @property
    def names(self) -> tuple[Pair, ...]:
        """Every pair that a request may name, those that this server carried when they were read first."""
        return self._listed.names
