"""The strikes of the campaign, held against the faults that the venue knows."""

from random import Random

from tests.truth.faces import FACES, PAIRS
from tests.truth.strikes import KINDS, deck
from venue.catalog import parse_pair
from venue.faults.kinds import KINDS as VENUE_KINDS
from venue.faults.kinds import kinds_of
from venue.faults.spec import make_spec


def test_every_kind_of_the_venue_is_struck_and_every_strike_is_one_that_it_takes() -> None:
    """Else a kind would be left out unseen, or a campaign would break off in the middle."""
    seen: set[str] = set()
    for face, facts in FACES.items():
        pairs = [pair for pair in PAIRS if facts.lists(pair)][:4]
        made = [parse_pair(pair, (face,)) for pair in pairs]
        listings = [listing for pair in made if pair for listing in pair.listings]
        strikes = deck(Random(5), face, pairs)
        for _ in range(30 * len(KINDS)):
            strike = next(strikes)
            for fault in (strike.fault, strike.after):
                if fault is None:
                    continue
                seen.add(fault["kind"])
                symbol = facts.symbol(strike.pair) if strike.pair else "*"
                wide = not VENUE_KINDS[fault["kind"]].per_symbol
                make_spec(fault if wide else {**fault, "symbol": symbol}, kinds_of(face), listings)
    assert seen == VENUE_KINDS.keys()
