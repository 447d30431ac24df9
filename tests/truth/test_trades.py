"""Every trade that our venue's matching engines make arrives exactly once, in order and right; what does not is told.

Over real sockets and real processes, while connections are replaced and cut, and trades are lost, repeated and
exchanged on the way.
"""

import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs
from tests.processes import DEADLINE_S, Process, server, venue
from tests.truth.faces import FACES
from tests.waiting import until

SYMBOLS = {name: face.symbol("BTC/USDT") for name, face in FACES.items()}
NUMBERED = ("binance", "kraken", "deribit", "coinbase", "okx")  # their ids rise by one on the real venue too
RECENT = ("kraken", "coinbase", "bitfinex")  # a subscription begins with recent trades
FEW = ("bitfinex",)  # of them, so that they may not reach back over a short gap
ROTATED = ("binance", "bitstamp", "okx")  # another connection takes over when the end of one is announced
MILLISECONDS = ("deribit", "okx", "bybit", "bitfinex")  # their stamps count these
ONE_NUMBER = ("coinbase", "bitfinex")  # what is lost or changes places may have been of any book
TAKERS = {"buy": pb.BUYER, "sell": pb.SELLER}


_VENUE = (
    "--faces", ",".join(SYMBOLS), "--free-ports", "--seed", "trades", "--pair", "BTC/USDT", "--speed", "6",
    "--bitstamp-ping-s", "5",
)  # fmt: skip


class Watcher(threading.Thread):
    """A client of the stream, who keeps everything."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        stub = stubs.MarketDataStub(self.channel)  # type: ignore[no-untyped-call]
        self.call = stub.StreamTrades(pb.TradesRequest(pairs=["BTC/USDT"]))
        self.entries: list[Any] = []
        self.missed = 0
        self.silence_s = 0.0  # the longest between two messages
        self.start()

    def run(self) -> None:
        heard = time.monotonic()
        try:
            for message in self.call:
                now = time.monotonic()
                self.silence_s, heard = max(self.silence_s, now - heard), now
                self.missed += message.missed
                self.entries += sorted([*message.trades, *message.gaps], key=lambda each: each.sequence)
        except grpc.RpcError:
            assert self.call.code() is grpc.StatusCode.CANCELLED, self.call.details()

    def of(self, name: str) -> list[Any]:
        """What it heard of one venue."""
        return [each for each in self.entries if each.venue == name]

    def trades(self, name: str) -> list[Any]:
        return [each for each in self.of(name) if isinstance(each, pb.Trade)]

    def gaps(self, name: str) -> list[Any]:
        return [each for each in self.of(name) if isinstance(each, pb.TradeGap)]

    def stop(self) -> None:
        self.call.cancel()
        self.join(DEADLINE_S)
        self.channel.close()


class Market:
    """The venue's faces, the server and its client."""

    def __init__(self, rests: dict[str, str], process: Process, port: int) -> None:
        self.rests = rests
        self.process = process
        self.known: dict[str, dict[int, tuple[Any, ...]]] = {name: {} for name in SYMBOLS}
        self.watcher = Watcher(port)

    def ask(self, name: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.rests[name] + path, data, DEADLINE_S) as answer:
            return json.load(answer)

    def strike(self, kind: str, *names: str, **asked: Any) -> None:
        """Begins a fault on these venues, and waits until it has struck."""
        begun = {name: self.ask(name, "/admin/fault", {"kind": kind, **asked})["id"] for name in names}

        def ended() -> bool:
            return all(
                any(row["id"] == number for row in self.ask(name, "/admin/faults")["ended"])
                for name, number in begun.items()
            )

        self.until(ended, f"{kind} on {', '.join(names)}")

    def truth(self, name: str) -> dict[int, tuple[Any, ...]]:
        """All trades that the venue has made, by id: stamp, taker, price, amount."""
        known = self.known[name]
        symbol = urllib.parse.quote(SYMBOLS[name])
        path = f"/admin/trades?symbol={symbol}&after={max(known, default=0)}"  # it remembers a thousand
        for number, stamp, side, price, amount in self.ask(name, path)["trades"]:
            made_us = int(stamp) // 1000 * 1000 if name in MILLISECONDS else int(stamp)
            known[number] = made_us * 1000, TAKERS[side], float(price), float(amount)
        return known

    def until_more(self, count: int = 25) -> None:
        """Until so many more trades of every venue have come."""
        wanted = {name: len(self.watcher.trades(name)) + count for name in SYMBOLS}

        self.until(lambda: all(len(self.watcher.trades(name)) >= wanted[name] for name in SYMBOLS), "more trades")

    def until_taken_over(self, name: str, times: int) -> None:
        """Until other connections have taken over so often."""
        said = f"{name}: this connection has taken over"
        self.until(lambda: sum(said in line for line in self.process.err) >= times, said)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Waits for it, and learns the truth meanwhile."""

        def holds() -> bool:
            for name in SYMBOLS:
                self.truth(name)
            return condition()

        until(holds, what, DEADLINE_S)

    def check(self, name: str, *, in_order: bool) -> tuple[list[int], list[int]]:
        """Each trade once and as it was; the ids that never came, and those that came late."""
        trades = self.watcher.trades(name)
        ids = [int(each.id) for each in trades]
        assert len(ids) == len(set(ids)), "each once"
        truth = self.truth(name)
        for each in trades:
            told = (each.venue_ns, each.taker, float(each.price), float(each.amount))
            assert told == truth[int(each.id)]
            assert each.venue_ns > 0 and 0 < each.received_ns <= each.applied_ns
        assert [each.sequence for each in self.watcher.entries] == list(
            range(self.watcher.entries[0].sequence, self.watcher.entries[-1].sequence + 1)
        )
        late = [number for at, number in enumerate(ids) if number < max(ids[: at + 1])]
        assert not (in_order and late)
        absent = sorted(set(range(min(ids), max(ids))) - set(ids))
        return absent, late


@pytest.fixture
def market() -> Iterator[Market]:
    with (
        venue(*_VENUE) as endpoints,
        server(*endpoints, "--pair", "BTC/USDT") as (process, port),
    ):
        rests = {}
        for each in endpoints:
            name, _, url = each.removeprefix("--endpoint=").partition(".rest=")
            if url:
                rests[name] = url
        made = Market(rests, process, port)
        yield made
        made.watcher.stop()


def test_every_trade_once_and_in_order_across_rotations(market: Market) -> None:
    """While the venue announces twice that it will close the connection: none lost, none twice, no gap."""
    market.until_more()
    for rotations in (1, 2):
        market.strike("shutdown", *ROTATED, notice_s=2)
        for name in ROTATED:
            market.until_taken_over(name, rotations)
        market.until_more()
    for name in SYMBOLS:
        assert market.check(name, in_order=True) == ([], [])
        assert market.watcher.gaps(name) == []
    assert market.watcher.missed == 0
    assert market.watcher.silence_s < 2.0


def test_what_is_missing_is_told(market: Market) -> None:
    """Connections that are cut, and trades that are lost, come twice or change places."""
    market.until_more()
    for name in SYMBOLS:
        market.ask(name, "/admin/fault", {"kind": "refuse", "for_s": 2})
    market.strike("cut", *SYMBOLS, count=1)
    market.until(lambda: all(market.watcher.gaps(name) for name in SYMBOLS if name not in RECENT), "the gaps")
    market.until_more()
    for name in SYMBOLS:
        absent, _ = market.check(name, in_order=True)
        assert any(f"{name} BTC/USDT is down" in line for line in market.process.err)
        if name in RECENT and not (name in FEW and absent):
            assert (absent, market.watcher.gaps(name)) == ([], []), "the recent trades close so short a gap"
            continue
        assert absent, "the cut lasted"
        [gap] = market.watcher.gaps(name)
        assert "connection lost" in gap.reason
        assert (gap.missing if name in NUMBERED else not gap.HasField("missing")) in (len(absent), True)
        _is_covered(market.watcher.of(name), absent)
    before = {name: len(market.watcher.gaps(name)) for name in SYMBOLS}
    apart = [name for name in SYMBOLS if name not in ONE_NUMBER]
    market.strike("drop", *(name for name in NUMBERED if name in apart), channel="trade", every=3, count=4)
    market.strike("duplicate", *SYMBOLS, channel="trade", every=2, count=4)
    market.strike("reorder", *apart, channel="trade", every=4, count=3)
    market.until_more()
    for name in SYMBOLS:
        absent, late = market.check(name, in_order=name not in apart)
        assert len(late) >= (3 if name in apart else 0)
        if name in NUMBERED:
            assert sum(gap.missing for gap in market.watcher.gaps(name)) == len(absent) + len(late)
        else:
            assert len(market.watcher.gaps(name)) == before[name]
            _is_covered(market.watcher.of(name), absent)
    assert not [line for line in market.process.err if "internal error" in line or "Traceback" in line]


def _is_covered(entries: list[Any], absent: list[int]) -> None:
    """Each id that never came lies where a gap is."""
    for at, gap in enumerate(entries):
        if isinstance(gap, pb.TradeGap):
            before, after = int(entries[at - 1].id), int(entries[at + 1].id)
            assert gap.from_ns == entries[at - 1].received_ns
            assert gap.from_ns < gap.until_ns <= entries[at + 1].applied_ns
            absent = [number for number in absent if not before < number < after]
    assert absent == []
