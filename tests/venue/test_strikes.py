"""The strikes of the campaign, held against the faults that the venue knows."""

from random import Random

from tests.truth.admin import symbol_of
from tests.truth.court import FACES, PAIRS
from tests.truth.strikes import KINDS, deck
from venue.catalog import parse_pair
from venue.faults.kinds import KINDS as VENUE_KINDS
from venue.faults.spec import make_spec


def test_every_kind_of_the_venue_is_struck_and_every_strike_is_one_that_it_takes() -> None:
    """Else a kind would be left out unseen, or a campaign would break off in the middle."""
    pairs = [parse_pair(pair) for pair in PAIRS]
    seen: set[str] = set()
    for face in FACES:
        listings = [listing for pair in pairs if pair for listing in pair.listings if listing.face == face]
        strikes = deck(Random(5), face, PAIRS[:4])
        for _ in range(30 * len(KINDS)):
            strike = next(strikes)
            for fault in (strike.fault, strike.after):
                if fault is None:
                    continue
                seen.add(fault["kind"])
                symbol = symbol_of(face, strike.pair) if strike.pair else "*"
                wide = not VENUE_KINDS[fault["kind"]].per_symbol
                make_spec(fault if wide else {**fault, "symbol": symbol}, VENUE_KINDS, listings)
    assert seen == VENUE_KINDS.keys()
