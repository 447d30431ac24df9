"""Mutants of trades and quote groups, of which the judge sees nothing: each with the fast test that must fail."""

from typing import NamedTuple

from tests.truth.tables import Edit

_TAPE, _GROUPS = "tests/book/test_trades.py", "tests/book/test_group_books.py"
_LOST = f"{_GROUPS}::test_a_conversion_that_is_lost_takes_its_member_out_in_the_very_next_picture"
_BITFINEX = "tests/exchanges/test_bitfinex_trades.py"


class Defect(NamedTuple):
    """A defect with a name, and the test in which it shows."""

    name: str
    test: str
    edits: tuple[Edit, ...]


def _defect(name: str, test: str, file: str, old: str, new: str) -> Defect:
    return Defect(name, test, (Edit(file, old, new),))


DEFECTS = (
    _defect(
        "a trade passed on twice, by its id", f"{_TAPE}::test_ids_that_tell_nothing",
        "book/trades.py", "return bool(told.id) and told.id in source.recent", "return False",
    ),
    _defect(
        "a trade passed on twice, by its number", f"{_TAPE}::test_numbers_rise_by_one",
        "book/trades.py", "if told.number is not None:\n        return source.number is not None and",
        "if told.number is not None:\n        return False and source.number is not None and",
    ),
    _defect(
        "missing trades not told", f"{_TAPE}::test_numbers_rise_by_one",
        "book/trades.py", "if missing > 0:", "if missing > 1_000_000:",
    ),
    _defect(
        "a lost connection not told", f"{_TAPE}::test_a_lost_connection_without_numbers",
        "book/trades.py", "missed = source.away and", "missed = False and source.away and",
    ),
    _defect(
        "recent trades that do not reach back", f"{_BITFINEX}::test_what_was_before",
        "book/trades.py", "if not any(each in source.recent for each in past):", "if False:",
    ),
    _defect(
        "Bitfinex: a lost message is no trade's", f"{_BITFINEX}::test_numbers_are_of_all_channels",
        "exchanges/bitfinex.py", "actions = [*books, *self.trades.all_missed(reason)]", "actions = [*books]",
    ),
    _defect(
        "Bitfinex: takers exchanged", f"{_BITFINEX}::test_a_trade",
        "exchanges/bitfinex_trades.py", "if each.amount > 0 else", "if each.amount < 0 else",
    ),
    _defect(
        "par where there are no books", _LOST,
        "book/converting.py", "return Ladder(tuple(steps), decimals, goes_on)",
        "return Ladder(tuple(steps), decimals, goes_on) if steps else AT_PAR",
    ),
    _defect(
        "a conversion that is down kept", _LOST,
        "book/group_books.py", "by = tuple((self.parts[way].view(look), way.base == leg.unit) for way in leg.by)",
        "by = self.__dict__.setdefault(str(leg),"
        " tuple((self.parts[way].view(look), way.base == leg.unit) for way in leg.by))",
    ),
    _defect(
        "par not told", f"{_GROUPS}::test_par_is_told_and_needs_no_book",
        "book/group_picture.py", "        par=leg.par,\n", "        par=False,\n",
    ),
    _defect(
        "asks converted at bids", f"{_GROUPS}::test_the_facts_of_a_conversion",
        "book/group_books.py", "part = Part(leg, own, by, ladder(by, look, sell=True), ladder(by, look, sell=False))",
        "part = Part(leg, own, by, ladder(by, look, sell=True), ladder(by, look, sell=True))",
    ),
)  # fmt: skip
