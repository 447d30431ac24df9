"""Numbers and venue states by hand are what protobuf writes."""

import pytest
from google.protobuf.internal import encoder
from hypothesis import given
from hypothesis import strategies as st

from book import Counters, Stamps, State, VenueView
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
