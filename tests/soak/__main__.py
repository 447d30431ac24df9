"""Hours of venue time, faster than life, with faults on both faces and restless clients.

    python -m tests.soak --hours 6 --speed 20          # 18 minutes
    python -m tests.soak --minutes-wall 4 --share 15   # eighty minutes of venue time, for CI
    python -m tests.soak --dashboard --hours 8         # the same of client.py, with a trader at its keys

The server, or the dashboard, must not grow: its memory at the end is within 5 % of that after the first tenth (a
minute, in a short run), threads and file descriptors are as many as then, every book is live, and the server's log
holds no error. Both looks are taken at rest: without clients, keys and faults, all books live.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import aiohttp
import grpc
from rich.console import Console

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs
from tests.processes import Process, server, venue
from tests.soak.clients import Clients
from tests.soak.trader import Trader
from tests.soak.usage import Sample, Usage, growth, thirds, unexpected, write_csv
from tests.terminal import terminal
from tests.truth.admin import Admin
from tests.truth.court import VENUES, channel_to, rest_of
from tests.truth.faces import PAIRS
from tests.truth.strikes import KINDS, deck

_FIRST, _FIRST_S = 0.1, 60.0  # of the time, before the first look; at least so long, where that is less than half
_LOOKS = 20
_LOOK_EVERY_S = 0.25
_HEAL_S = 120.0
_REST_S = 2.0  # after the last client has gone
_SAMPLE_S = 1.0
_PAUSE_S = (0.5, 6.0)  # between two faults of a face
_LARGEST, _WARM_UPS = 20_000_000, 5  # bytes of a message; how often it comes before the first look


@dataclass(frozen=True)
class Options:
    """What is asked for."""

    hours: float = 6.0
    speed: float = 20.0
    activity: float = 0.1  # of the market: twenty times as much of everything would be the venue's soak, not ours
    minutes_wall: float = 0.0
    share: float = 5.0  # per cent by which memory may grow
    pairs: int = 4
    clients: int = 12
    seed: int = 1
    faults: bool = True
    kinds: tuple[str, ...] = ()
    csv: Path | None = None
    dashboard: bool = False

    @property
    def wall_s(self) -> float:
        """How long it takes."""
        return self.minutes_wall * 60 or self.hours * 3600 / self.speed

    @property
    def first_s(self) -> float:
        """How long it takes until the first look: buffers that have a bound fill for a while."""
        return max(self.wall_s * _FIRST, min(_FIRST_S, self.wall_s / 2))


@dataclass
class Soak:
    """A soak under way."""

    options: Options
    process: Process
    admin: Admin
    clients: Clients | Trader
    usage: Callable[[], Usage]  # of what must not grow
    console: Console
    began: float = field(default_factory=time.monotonic)
    strikes: int = 0
    states: dict[tuple[str, str], int] = field(default_factory=dict)  # by venue and pair
    samples: list[Sample] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    async def run(self, channel: grpc.aio.Channel) -> None:
        """The whole of it; what is wrong is in `problems`."""
        watching = asyncio.create_task(self._watch(channel))
        sampling = asyncio.create_task(self._sample())
        telling = asyncio.create_task(self._tell())
        try:
            wall_s = self.options.wall_s
            await self._all_live("at the start")
            await self._warm_up()
            await self._unrest(self.began + self.options.first_s)
            before = await self._rest()
            self.console.print(f"at rest after {self.options.first_s:.0f} s: {before}", highlight=False)
            await self._unrest(self.began + wall_s)
            after = await self._rest()
            self.console.print(f"at rest at the end: {after}", highlight=False)
            begun, ended = thirds([each.rss_kib for each in self.samples if each.wall_s > self.options.first_s])
            self.console.print(
                f"memory from there on: {begun} KiB in the first third, {ended} in the last", highlight=False
            )
            self.problems += growth(
                replace(before, rss_kib=begun), replace(after, rss_kib=ended), self.options.share / 100
            )
        except TimeoutError as error:
            self.problems.append(str(error))
        finally:
            for task in (watching, sampling, telling):
                task.cancel()
            await asyncio.gather(watching, sampling, telling, return_exceptions=True)
        self.problems += unexpected(self.process.err)[:10]
        self.problems += [f"{each.kind}: {each.text}" for each in list(self.clients.record.findings)[:10]]

    async def _warm_up(self) -> None:
        """The largest messages there are, so that what the allocator keeps of them is kept before the first look."""
        if not self.options.faults or self.options.dashboard:
            return
        large = {"kind": "oversized", "channel": "diff", "bytes": _LARGEST, "count": 1}
        for _ in range(_WARM_UPS):
            await asyncio.gather(*(self.admin.fault(face, large) for face in VENUES))
            await asyncio.sleep(_REST_S / 2)
            await self._all_live("after an oversized message")

    async def _unrest(self, until: float) -> None:
        """Clients come and go and faults strike until then."""
        self.clients.begin()
        if self.options.faults:
            await asyncio.gather(*(self._strike(face, until) for face in VENUES))
        else:
            await asyncio.sleep(max(0.0, until - time.monotonic()))
        await self.clients.end()

    async def _strike(self, face: str, until: float) -> None:
        rng = Random(f"{self.options.seed}/{face}/{until}")
        strikes = deck(rng, face, PAIRS[: self.options.pairs], self.options.kinds)
        while time.monotonic() < until:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    await asyncio.sleep(rng.uniform(*_PAUSE_S))
                    await self.admin.strike(next(strikes))
                    self.strikes += 1
        async with self.admin.http.delete(self.admin.rests[face] + "/admin/faults") as reply:
            reply.raise_for_status()

    async def _rest(self) -> Usage:
        """The figures without clients and faults, all books live."""
        for face in VENUES:  # what a fault has forbidden for an hour is asked for anew
            await self.admin.cut(face)
        await asyncio.sleep(_REST_S)
        await self._all_live("at rest")
        await asyncio.sleep(_REST_S)
        looks = []
        for _ in range(_LOOKS):
            looks.append(self.usage())
            await asyncio.sleep(_LOOK_EVERY_S)
        return Usage.calm(looks)

    async def _all_live(self, when: str) -> None:
        deadline = time.monotonic() + _HEAL_S
        while self._live() < len(VENUES) * self.options.pairs:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{when}: not all books are live: {self.states}")
            await asyncio.sleep(0.1)

    def _live(self) -> int:
        return sum(state == pb.LIVE for state in self.states.values())

    async def _watch(self, channel: grpc.aio.Channel) -> None:
        """The states of all books, by the status stream."""
        market = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
        async for status in market.StreamStatus(pb.StatusRequest()):
            for each in status.pairs:
                for trust in each.venues:
                    self.states[trust.venue, each.pair] = trust.state

    async def _sample(self) -> None:
        while True:
            wall_s = time.monotonic() - self.began
            usage = self.usage()
            self.samples.append(
                Sample(
                    round(wall_s, 1), round(wall_s * self.options.speed), usage.rss_kib, usage.threads, usage.fds,
                    self.clients.present, self.strikes, self._live(), len(self.states),
                )
            )  # fmt: skip
            await asyncio.sleep(_SAMPLE_S)

    async def _tell(self) -> None:
        every_s = min(60.0, self.options.wall_s / 6)
        while True:
            await asyncio.sleep(every_s)
            last = self.samples[-1]
            self.console.print(
                f"{last.venue_s / 3600:5.2f} h of venue time: {last.rss_kib / 1024:.1f} MiB, {last.threads} threads, "
                f"{last.fds} descriptors, {last.strikes} faults, {last.live} of {last.books} books live, "
                f"{self.clients.come} {'keys' if self.options.dashboard else 'clients'} so far",
                highlight=False,
            )


@contextlib.asynccontextmanager
async def _watched(
    options: Options, process: Process, port: int
) -> AsyncIterator[tuple[Clients | Trader, Callable[[], Usage]]]:
    """Who makes the unrest, and what must not grow by it."""
    rng = Random(options.seed)
    if not options.dashboard:
        clients = Clients(port, PAIRS[: options.pairs], rng, options.clients)
        yield clients, lambda: Usage.of(process.popen.pid)
        return
    with tempfile.TemporaryDirectory() as folder:
        kept = ("--config", f"{folder}/config.toml", "--screenshot-dir", folder)
        Path(folder, "config.toml").touch()
        with terminal("--port", str(port), *kept) as made:
            trader = Trader(made, rng)
            yield trader, trader.usage
            made.press(b"q")
            made.end()


async def run(options: Options, console: Console) -> list[str]:
    """A soak from nothing to its end; what is wrong, in words."""
    pairs = PAIRS[: options.pairs]
    told = [word for pair in pairs for word in ("--pair", pair)]
    base, quote = pairs[0].split("/")
    flow = ("--speed", str(options.speed), "--activity", str(options.activity), "--seed", f"soak-{options.seed}")
    with venue(*flow, *told) as endpoints:
        rests = {face: rest_of(endpoints, face) for face in VENUES}
        with server(*endpoints, "--base_asset", base, "--quote_asset", quote, *told) as (process, port):
            async with (
                aiohttp.ClientSession() as http,
                channel_to(port) as channel,
                _watched(options, process, port) as (clients, usage),
            ):
                soak = Soak(options, process, Admin(http, rests), clients, usage, console)
                await soak.run(channel)
            code = process.end()
            if code:
                soak.problems.append(f"the server ended with status {code}")
    if options.csv is not None:
        write_csv(options.csv, soak.samples)
    return soak.problems


async def _guarded(options: Options, console: Console) -> list[str]:
    """The same, ended cleanly by Ctrl-C and SIGTERM."""
    task = asyncio.ensure_future(run(options, console))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when the server has not grown and nothing else is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("--hours", type=float, default=Options.hours, help="of venue time (default %(default)s)")
    add("--speed", type=float, default=Options.speed, help="of the venue (default %(default)s)")
    add("--activity", type=float, default=Options.activity, help="of the venue's market (default %(default)s)")
    add("--minutes-wall", type=float, default=0.0, help="real minutes, instead of --hours")
    add("--share", type=float, default=5.0, help="per cent by which memory may grow (default 5)")
    add("--pairs", type=int, default=Options.pairs, choices=range(1, len(PAIRS) + 1), help="default %(default)s")
    add("--clients", type=int, default=Options.clients, help="at the same time, about (default %(default)s)")
    add("--dashboard", action="store_true", help="look at client.py on a terminal instead of at the server")
    add("--seed", type=int, default=Options.seed, help="default %(default)s")
    add("--no-faults", dest="faults", action="store_false", help="clients alone: to find what it is that grows")
    add("--kinds", default="", help="only these kinds of faults, separated by semicolons")
    add("--csv", type=Path, metavar="FILE", help="write a sample a second")
    told = vars(parser.parse_args(arguments))
    kinds = tuple(each.strip() for each in told.pop("kinds").split(";") if each.strip())
    if unknown := sorted(set(kinds) - KINDS.keys()):
        parser.error(f"--kinds: unknown {unknown}; known are {'; '.join(KINDS)}")
    options = Options(**told, kinds=kinds)
    console = Console(width=None if sys.stdout.isatty() else 200)
    try:
        problems = asyncio.run(_guarded(options, console))
    except asyncio.CancelledError:
        return 130
    for problem in problems:
        console.print(problem, markup=False, highlight=False, soft_wrap=True)
    console.print("BAD" if problems else "GOOD: nothing has grown, all books are live")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
