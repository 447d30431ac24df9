"""The chain of processes that a price runs through: our venue, a server or the bare relay, a client."""

import json
import signal
from typing import NamedTuple

import msgspec

from bench.children import Child, Children
from bench.client import Samples

_CLIENT_S = 60.0  # for a client's result beyond what it measures

Endpoints = dict[str, dict[str, str]]  # venue -> rest, ws -> address


class Load(NamedTuple):
    """What the venue sends: depth frames with that many changed levels, at that rate."""

    rate: float = 10.0
    levels: int = 20
    seed: int = 1


def start_venue(children: Children, *arguments: str) -> Endpoints:
    """Runs the venue on free ports."""
    ports = ("--binance-port", "0", "--bitstamp-port", "0", "--print-endpoints")
    child = children.start("venue", "-m", "venue", *ports, *arguments)
    endpoints: Endpoints = json.loads(child.wait_line(r"\{.*")[0])
    return endpoints


def steady(load: Load) -> tuple[str, ...]:
    """The venue's arguments for one pair under exactly this load."""
    return (
        "--faces", "binance", "--pair", "BTC/USDT@binance", "--flow", "steady",
        "--rate", f"{load.rate:g}", "--levels", str(load.levels), "--seed", str(load.seed),
    )  # fmt: skip


def start_server(children: Children, endpoints: Endpoints) -> tuple[Child, int]:
    """Runs server.py on BTC/USDT of these venues; returns its port too."""
    addresses = [f"--endpoint={name}.{kind}={url}" for name, face in endpoints.items() for kind, url in face.items()]
    child = children.start(
        "server", "server.py", "--port", "0", "--pair", "BTC/USDT", "--exchanges", ",".join(endpoints), *addresses
    )
    return child, int(child.wait_line(r"listening on \S+:(\d+)")[1])


def start_relay(children: Children, endpoints: Endpoints) -> int:
    """Runs the bare relay on the venue's WebSocket; returns its port."""
    child = children.start("relay", "-m", "bench.relay", endpoints["binance"]["ws"])
    return int(child.wait_line(r"listening on (\d+)")[1])


def start_client(children: Children, port: int, track: str, seconds: float, *arguments: str) -> Child:
    """Runs a client; returns when it has begun to measure."""
    child = children.start(
        f"client of {track}", "-m", "bench.client", str(port), track, f"--seconds={seconds}", *arguments
    )
    child.wait_line("measuring", _CLIENT_S)
    return child


def samples_of(client: Child, seconds: float) -> Samples:
    """What the client saw, when it is done."""
    line = client.wait_line(r"\{.*", seconds + _CLIENT_S)[0]
    return msgspec.json.decode(line, type=Samples)


def run_track(track: str, load: Load, seconds: float) -> Samples:
    """One chain from its start to its end; nothing else of ours runs meanwhile."""
    with Children() as children:
        endpoints = start_venue(children, *steady(load))
        if track == "relay":
            port = start_relay(children, endpoints)
        else:
            port = start_server(children, endpoints)[1]
        return samples_of(start_client(children, port, track, seconds), seconds)


def end_on_sigterm() -> None:
    """SIGTERM ends us as Ctrl-C does: through the blocks that end our processes."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
