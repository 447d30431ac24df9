"""The Control service over a real socket; the operator is a stand-in that notes what it is told."""

from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from proto import orderbook_pb2 as pb
from services.control import Change, Changes
from tests.services.conftest import DEADLINE_S, Rig

OFF = "it listens beyond this machine"


class Desk:
    """An operator."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[str]]] = []

    def add_pairs(self, names: Sequence[str]) -> Changes:
        return self._noted("add", names)

    def remove_pairs(self, names: Sequence[str]) -> Changes:
        return self._noted("remove", names)

    def disable_venues(self, names: Sequence[str]) -> Changes:
        return self._noted("disable", names)

    def enable_venues(self, names: Sequence[str]) -> Changes:
        return self._noted("enable", names)

    def reload(self) -> Changes:
        return self._noted("reload", [])

    def _noted(self, call: str, names: Sequence[str]) -> Changes:
        self.told.append((call, list(names)))
        changes = Changes("until then")
        changes.changed.append(Change("a", "done"))
        changes.unchanged.append(Change("b", "so already"))
        changes.refused.append(Change("c" * 300, "unknown"))
        return changes


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def rig(desk: Desk) -> Iterator[Rig]:
    made = Rig(serve=(desk,))
    yield made
    made.close()


def call(rig: Rig, method: str, request: Any) -> Any:
    ask = rig.channel.unary_unary(
        f"/orderbook.Control/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=pb.Changes.FromString,
    )
    return ask(request, timeout=DEADLINE_S)


def refusal(rig: Rig, method: str, request: Any) -> Any:
    with pytest.raises(grpc.RpcError) as refused:
        call(rig, method, request)
    return refused.value


def services(rig: Rig) -> list[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(rig.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answer = next(iter(stub.ServerReflectionInfo(iter([request]), timeout=DEADLINE_S)))
    return [each.name for each in answer.list_services_response.service]


@pytest.mark.parametrize(
    ("method", "request_", "told"),
    [
        ("AddPairs", pb.PairNames(pairs=["ETH/BTC", "X/Y", "ETH/BTC"]), ("add", ["ETH/BTC", "X/Y"])),
        ("RemovePairs", pb.PairNames(pairs=["ETH/BTC"]), ("remove", ["ETH/BTC"])),
        ("DisableVenues", pb.VenueNames(venues=["kraken"]), ("disable", ["kraken"])),
        ("EnableVenues", pb.VenueNames(venues=["kraken", "okx"]), ("enable", ["kraken", "okx"])),
        ("Reload", pb.ReloadRequest(), ("reload", [])),
    ],
)
def test_each_call_reaches_the_operator(rig: Rig, desk: Desk, method: str, request_: Any, told: Any) -> None:
    """A name that is told twice counts once; the answer says what became of each."""
    answer = call(rig, method, request_)
    assert desk.told == [told]
    assert [(each.subject, each.what) for each in answer.changed] == [("a", "done")]
    assert [each.subject for each in answer.unchanged] == ["b"]
    assert [len(each.subject) for each in answer.refused] == [200]
    assert answer.note == "until then"
    assert "orderbook.Control" in services(rig)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (pb.PairNames(), "0 pairs; allowed are 1 to 1000"),
        (pb.PairNames(pairs=[str(n) for n in range(1001)]), "1001 pairs"),
        (pb.BookRequest(levels=3), "unknown fields 2 in PairNames"),
    ],
)
def test_what_is_no_request(rig: Rig, desk: Desk, request_: Any, words: str) -> None:
    """Refused whole, and the operator does not hear of it."""
    error = refusal(rig, "AddPairs", request_)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert words in error.details()
    assert desk.told == []


def test_off() -> None:
    """The way out is told; reflection does not show the service."""
    rig = Rig(serve=(None, OFF))
    try:
        error = refusal(rig, "Reload", pb.ReloadRequest())
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED
        assert error.details() == f"control is off on this server: {OFF}"
        assert "orderbook.Control" not in services(rig)
    finally:
        rig.close()


def test_an_operator_that_fails_ends_that_call_alone(rig: Rig, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With INTERNAL; the next one is served."""
    monkeypatch.setattr(desk, "reload", lambda: 1 / 0)
    assert refusal(rig, "Reload", pb.ReloadRequest()).code() is grpc.StatusCode.INTERNAL
    assert call(rig, "EnableVenues", pb.VenueNames(venues=["okx"])).changed
