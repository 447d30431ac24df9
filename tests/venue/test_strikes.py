"""The strikes of the campaign, held against the faults that the venue knows."""

from random import Random

from tests.truth.faces import FACES, pairs_of
from tests.truth.strikes import KINDS, deck
from venue.catalog import parse_pair
from venue.faults.kinds import KINDS as VENUE_KINDS
from venue.faults.kinds import kinds_of
from venue.faults.spec import make_spec


def test_every_kind_of_the_venue_is_struck_and_every_strike_is_one_that_it_takes() -> None:
    """Else a kind would be left out unseen, or a campaign would break off in the middle."""
    names = pairs_of(tuple(FACES), 3)
    pairs = [parse_pair(pair, tuple(FACES)) for pair in names]
    seen: set[str] = set()
    for face, facts in FACES.items():
        listings = [listing for pair in pairs if pair for listing in pair.listings if listing.face == face]
        assert [listing.symbol for listing in listings] == [facts.symbol(name) for name in names]
        known = kinds_of(face)
        strikes = deck(Random(5), face, names)
        for _ in range(30 * len(KINDS)):
            strike = next(strikes)
            for fault in (strike.fault, strike.after):
                if fault is None:
                    continue
                seen.add(fault["kind"])
                symbol = facts.symbol(strike.pair) if strike.pair else "*"
                wide = not known[fault["kind"]].per_symbol
                make_spec(fault if wide else {**fault, "symbol": symbol}, known, listings)
    assert seen == VENUE_KINDS.keys()
