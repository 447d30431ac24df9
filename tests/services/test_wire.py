"""Numbers and venue states by hand are what protobuf writes."""

from typing import Any

import pytest
from google.protobuf.internal import encoder
from hypothesis import given
from hypothesis import strategies as st

from book import Check, Counters, Distance, Stamps, State, Trust, VenueView
from proto import orderbook_pb2 as pb
from services import wire
from services.messages import venue_state_message

U64 = st.integers(0, (1 << 64) - 1)
COUNT = st.integers(0, 1 << 40)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

STATES = st.builds(
    VenueView,
    venue=st.sampled_from(["binance", "bitstamp", "kraken"]),
    symbol=WORDS,
    state=st.sampled_from(State),
    reason=WORDS,
    since_ns=U64,
    next_try_ns=U64,
    position=st.just(0),
    stamps=st.builds(Stamps, st.integers(-(1 << 70), 1 << 70), st.integers(0, 1 << 62), st.integers(0, 1 << 62)),
    counters=st.builds(Counters, *[COUNT] * 10),
    known_bid=st.none(),
    known_ask=st.none(),
    bids=st.just(()),
    asks=st.just(()),
    trust=st.builds(
        Trust,
        st.none() | st.integers(-(1 << 70), 1 << 70),
        U64,
        st.integers(0, (1 << 32) - 1),
        st.sampled_from(Check),
        U64,
        st.floats(0, 1e15),
    ),
    distance=st.builds(
        Distance,
        st.integers(-(10**12), 10**12),
        WORDS,
        st.integers(0, 300),
        U64,
        st.booleans(),
        st.booleans(),
    ),
    routed_from=st.sampled_from(("", "coinbase")),
    left_out=WORDS,
)


@pytest.mark.parametrize("power", range(65))
def test_varint_around_each_power_of_two(power: int) -> None:
    """Every length of a varint, at both of its ends."""
    for n in ((1 << power) - 1, 1 << power, (1 << power) + 1):
        if 0 <= n < 1 << 64:
            assert wire.varint(n) == encoder._VarintBytes(n)  # type: ignore[attr-defined]


@given(U64)
def test_varint_is_protobufs(n: int) -> None:
    assert wire.varint(n) == encoder._VarintBytes(n)  # type: ignore[attr-defined]


def test_a_negative_number_is_refused_not_written_wrong() -> None:
    with pytest.raises(IndexError):
        wire.varint(-1)


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_zigzag_is_protobufs(n: int) -> None:
    assert pb.MergedLevel.FromString(b"\x08" + wire.zigzag(n)).price == n


@given(STATES, st.integers(0, 1 << 63))
def test_venue_states_are_protobufs_bytes(view: VenueView, sent_ns: int) -> None:
    """Also a venue's impossible stamps, and a clock that was set back."""
    assert wire.venue_state(view, sent_ns) == venue_state_message(view, sent_ns).SerializeToString()


def test_a_reason_that_no_utf8_can_carry_is_still_sent() -> None:
    """A venue's garbage may be quoted in a reason: it must not end the stream."""
    assert wire.text(b"\x22", "bad \udc80 byte") == b"\x22\x0abad ? byte"


def told(received_ns: int, sent_ns: int, venue_ns: int = 5, **trust: Any) -> pb.VenueState:
    """What a message made at `sent_ns` says of a book whose newest update was received then."""
    stamps = Stamps(venue_ns, received_ns, 0)
    view = VenueView("x", "S", State.LIVE, "", 1, 0, 0, stamps, Counters(), None, None, (), (), trust=Trust(**trust))
    return pb.VenueState.FromString(wire.venue_state(view, sent_ns))


@pytest.mark.parametrize(
    ("venue_ns", "received_ns", "lag_ns"),
    [(100, 140, 40), (140, 100, -40), (100, 100, 0), (0, 140, None), (100, 0, None), (1 << 70, 140, None)],
)
def test_a_lag_has_a_sign_or_is_not_there(venue_ns: int, received_ns: int, lag_ns: int | None) -> None:
    """None is not zero: a venue without stamps has no lag."""
    state = told(received_ns, 200, venue_ns)
    assert (state.lag_ns if state.HasField("lag_ns") else None) == lag_ns


def test_the_rate_of_a_book_that_stopped_fades() -> None:
    """Within a second it is that of the newest update; a frozen book does not look busy for ever."""
    start = 10**18
    rates = [told(start, start + round(age_s * 1e9), rate=10.0).rate_milli for age_s in (0, 0.999, 1, 5, 60)]
    assert rates[:2] == [10_000, 10_000]
    assert rates[2] == pytest.approx(10_000 * 0.8187, abs=1)
    assert rates[3] == pytest.approx(10_000 / 2.71828, abs=1)
    assert rates[4] == 0


def test_facts_of_trust_that_change_alone_are_told() -> None:
    """The bytes at hand are not used where a connection has come or the threshold has changed."""
    stamps, counters = Stamps(5, 10, 0), Counters()
    for trust in (Trust(connections=1), Trust(connections=2), Trust(connections=2, threshold_ns=9)):
        view = VenueView("y", "S", State.LIVE, "", 1, 0, 0, stamps, counters, None, None, (), (), trust=trust)
        state = pb.VenueState.FromString(wire.venue_state(view, 20))
        assert (state.connections, state.threshold_ns) == (trust.connections, trust.threshold_ns)
