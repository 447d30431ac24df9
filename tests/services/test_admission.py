"""Who is let in: the limits one by one, without sockets."""

from contextlib import ExitStack

import grpc
import pytest

from book import Pair
from services.admission import Admission, Client
from services.errors import Refused
from services.options import GrpcOptions
from tests.services.conftest import BTC, ETH

SOL = Pair("SOL", "USDT")


async def test_one_connection_cannot_take_all_streams() -> None:
    admission = Admission(GrpcOptions(max_streams=10, max_streams_per_client=2))
    with admission.stream("a"), admission.stream("a") as client:
        with pytest.raises(Refused, match=r"2 streams open.*end one of them.*--max-streams-per-client") as refused:
            admission.stream("a").__enter__()
        assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        with admission.stream("b") as other:
            assert other is not client
            assert admission.streams == 3
    with admission.stream("a"):
        assert admission.streams == 1
    assert admission.refused == 1


async def test_a_thousand_connections_of_one_address_are_a_thousand_clients() -> None:
    admission = Admission(GrpcOptions(max_streams_per_client=1))
    with ExitStack() as stack:
        clients = {stack.enter_context(admission.stream(f"ipv4:10.0.0.1:{port}")) for port in range(1000)}
        assert len(clients) == admission.streams == 1000
    assert admission.streams == 0
    assert not admission._clients


async def test_pairs_are_counted_once_however_many_streams_watch_them() -> None:
    admission, client = Admission(GrpcOptions(max_pairs_per_client=2)), Client("a")
    with admission.pair(client, BTC), admission.pair(client, BTC), admission.pair(client, ETH):
        with pytest.raises(Refused, match=r"watches 2 pairs already.*--max-pairs-per-client") as refused:
            admission.pair(client, SOL).__enter__()
        assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        with admission.pair(client, ETH), admission.pair(Client("b"), SOL):
            pass
    with admission.pair(client, SOL):
        assert list(client.pairs) == [SOL]


@pytest.mark.parametrize(
    ("first", "room", "says"),
    [
        (
            5000,
            4960,
            r"all deep views .* 9960 levels together; 501 more would be beyond the 10000.*at most 500 levels",
        ),
        (9500, 0, r"all deep views .* 9500 levels together; 501 more would be beyond the 10000"),
    ],
)
async def test_deep_views_are_limited_by_their_levels_together(first: int, room: int, says: str) -> None:
    admission = Admission(GrpcOptions(max_view_levels=10_000))
    for levels in filter(None, (first, room)):
        admission.add_view(levels)
    with pytest.raises(Refused, match=says) as refused:
        admission.add_view(501)
    assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    admission.add_view(500)  # which is none of them
    for levels in filter(None, (first, room, 500)):
        admission.remove_view(levels)
    assert not any(admission.levels.values())


async def test_ordinary_views_count_for_fifty_levels_at_least() -> None:
    admission = Admission(GrpcOptions(max_view_levels=5000))
    for _ in range(99):
        admission.add_view(1)
    admission.add_view(50)
    with pytest.raises(Refused, match=r"all views .* 5000 levels together; 50 more .* ask for fewer levels"):
        admission.add_view(10)
    admission.add_view(5000)  # deep ones are counted apart
    admission.remove_view(1)
    admission.add_view(10)
