"""Starts the server: venues -> books -> gRPC. Arguments, wiring and shutdown; the work is done elsewhere."""

import ctypes
import gc
import logging
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Any

from arguments import VERSION
from book import BadPair, Instrument, Pair, UnknownPair, resolve_pair
from book.analytics import CannotLoad, Registry, built_in, load_entry_points, load_function
from book.group import BadGroup, Groups
from exchanges import VENUES, ExchangeError, VenueSession
from operating import DISABLED, Operating
from pairs import Pairs
from progress import Progress
from services.errors import ServicesError
from services.grpc_server import GrpcServer
from services.logs import set_up_logging
from services.loop import allow_open_files
from services.market import Budget, Market
from services.options import GrpcOptions
from settings import Settings, UsageError, address_of, groups_told, options_of, read_settings

log = logging.getLogger("server")

_STOP_GRACE_S = 2.0
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # glibc's malloc.h
_TLS = ("tls_cert", "tls_key", "tls_client_ca")
_AS_TOLD = (
    "host", "port", "levels", "max_streams", "max_streams_per_client", "max_pairs_per_client",
    "max_messages_per_client", "max_view_levels", "min_interval_ms",
)  # fmt: skip
_RELOAD = object()  # an event: the configuration is to be read again
_OTHER_FILES = 500  # beside the streams' connections: the venues', and clients that have no stream open


class StartError(Exception):
    """The server cannot start as things are; exit code 1."""


class Stop:
    """SIGINT, SIGTERM or a dead thread: the one thing that the main thread waits for. SIGHUP: to read anew."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.failed = False
        self._reload = False  # was wanted before there was anything to reload
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._hung_up)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)
        threading.excepthook = self._thread_died

    def fail(self, reason: object) -> None:
        """Ends the program with exit code 1; any thread may call this."""
        log.critical("%s: the server cannot go on", reason)
        self.failed = True
        self.events.put(None)

    def next(self) -> Any:
        """What was put in; None when it is time to end."""
        while (event := self.events.get()) is _RELOAD:
            self._reload = True
        return event

    def wait(self, reload: Callable[[], object]) -> None:
        """Blocks until it is time to end; reloads as often as that is wanted."""
        event = _RELOAD if self._reload else self.events.get()
        while event is not None:
            if event is _RELOAD:
                reload()
            event = self.events.get()

    def _hung_up(self, number: int, frame: FrameType | None) -> None:
        self.events.put(_RELOAD)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.events.put(None)

    def _thread_died(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_type is SystemExit:
            return
        trace = (args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
        log.critical("thread %s died", args.thread.name if args.thread else "?", exc_info=trace)
        self.fail("a thread died")


def load_catalogs(
    sessions: Sequence[VenueSession], stop: Stop
) -> tuple[dict[str, list[Instrument]], dict[str, str]] | None:
    """All venues' catalogs at once: (catalogs, problems) by venue; None when the program is told to end."""
    catalogs: dict[str, list[Instrument]] = {}
    problems: dict[str, str] = {}

    def load(session: VenueSession) -> None:
        try:
            stop.events.put((session.venue.name, session.load_catalog()))
        except ExchangeError as error:
            stop.events.put((session.venue.name, str(error)))

    for session in sessions:
        threading.Thread(target=load, args=(session,), name=f"{session.venue.name}-catalog", daemon=True).start()
    while len(catalogs) + len(problems) < len(sessions):
        event = stop.next()
        if event is None:
            return None
        name, result = event
        if isinstance(result, str):
            problems[name] = result
        else:
            catalogs[name] = result
            log.info("%s lists %d pairs", name, len(result))
    return catalogs, problems


def choose_pairs(
    settings: Settings, catalogs: Mapping[str, Sequence[Instrument]], problems: Mapping[str, str]
) -> tuple[list[Pair], list[str], Groups]:
    """The wanted pairs as the venues know them, the names of those that none knows, and the quote groups.

    Raises StartError when no venue is reachable, or when none has any of the pairs.
    """
    if not catalogs:
        if not problems:
            raise StartError("all exchanges are disabled (--disabled); leave one on to start with")
        reasons = "; ".join(f"{name}: {reason}" for name, reason in problems.items())
        raise StartError(f"no venue reachable ({reasons}); check the network, or name other addresses by --endpoint")
    known = [each.pair for catalog in catalogs.values() for each in catalog if each.trading]
    groups = Groups(groups_told(settings), known)
    known += groups.pairs
    pairs: list[Pair] = []
    unknown: dict[str, str] = {}
    for text in settings.wanted:
        try:
            pair = resolve_pair(text, known)
            groups.plan(pair)
            pairs.append(pair)
        except (BadPair, UnknownPair, BadGroup) as error:
            unreachable = f" ({', '.join(problems)} could not be asked)" if problems else ""
            unknown[text] = f"{error}; asked: {', '.join(catalogs)}{unreachable}"
    if not pairs:
        raise StartError("; ".join(unknown.values()))
    for reason in unknown.values():
        log.warning("%s; the pair is carried as soon as a venue lists it", reason)
    return list(dict.fromkeys(pairs)), list(unknown), groups


def keep_memory_flat() -> None:
    """Large blocks (snapshots, long messages) are given back when freed, where the C library is glibc.

    By itself it maps them apart only until the first one is freed, and from then on keeps what they took, an arena
    for each thread. What small pieces leave behind is given back after each full collection: there is one whenever a
    connection ends, and hardly any besides.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not (hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")):
        return
    libc.mallopt(_M_MMAP_THRESHOLD, 256 * 1024)
    libc.mallopt(_M_TRIM_THRESHOLD, 1024 * 1024)
    libc.mallopt(_M_ARENA_MAX, 2)

    def trim(phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            libc.malloc_trim(0)

    gc.callbacks.append(trim)


def tune_interpreter() -> None:
    """Short, rare pauses: what is loaded by now is never collected again, and a busy thread yields quickly."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(1e-4)


def load_analytics(settings: Settings) -> Registry:
    """The built-in analytics and the operator's own; raises UsageError for one of --analytic that is none."""
    registry = built_in()
    for problem in load_entry_points(registry):
        log.warning("an analytic is left out: %s", problem)
    for text in settings.analytics:
        try:
            load_function(registry, text)
        except CannotLoad as error:
            raise UsageError(f"--analytic {error}") from error
    return registry


def run(settings: Settings, stop: Stop, read: Callable[[], Settings]) -> None:
    """From an open port to a clean end; raises UsageError, StartError and ServicesError. `read` reads them anew."""
    started_ns = time.time_ns()
    keep_memory_flat()
    files = allow_open_files(settings.max_streams + _OTHER_FILES)
    if files < settings.max_streams + _OTHER_FILES:
        log.warning("this machine allows %d open files, too few for %d streams", files, settings.max_streams)
    analytics = load_analytics(settings)
    server = GrpcServer(_grpc_options(settings), on_death=stop.fail)
    port = server.open()

    def new_session(told: Settings, name: str) -> VenueSession:
        return VenueSession(
            VENUES[name], address_of(told, name), options_of(told, name), told.ca,
            catalog_every_s=told.catalog_s, on_catalog=lambda: operating.catalogs_read(),
        )  # fmt: skip

    sessions = [new_session(settings, name) for name in settings.exchanges]
    carried = Pairs(sessions, settings.max_pairs, settings.linger_s, settings.policy)
    operating = Operating(settings, read, carried, sessions, new_session)
    progress = Progress(lambda: carried.traded, lambda: sum(session.rest.starved for session in sessions))
    operating.on_change = progress.watch
    try:
        for session in sessions:
            if session.venue.name in settings.disabled:
                session.disable(DISABLED)
        loaded = load_catalogs([session for session in sessions if not session.disabled], stop)
        if loaded is None:
            return
        catalogs, problems = loaded
        pairs, unknown, groups = choose_pairs(settings, catalogs, problems)
        for name, problem in problems.items():
            log.warning("%s: no catalog, trying again: %s", name, problem)
        books = {pair: carried.make(pair) for pair in groups.parts(pairs)}
        for session in sessions:
            name = session.venue.name
            session.start(books, catalogs.get(name), problems.get(name, ""))
        carried.start(books, groups)
        carried.pin(pairs)
        tune_interpreter()
        market = Market(
            default_pair=pairs[0],
            carried=lambda: carried.books,
            budgets=lambda: [_budget(session) for session in sessions],
            version=VERSION,
            started_ns=started_ns,
            hold=carried.hold,
            release=carried.release,
            on_demand=settings.on_demand == "on",
            groups=tuple(groups.declared.values()),
            fees=operating.fees,
            analytics=analytics,
        )
        operating.begin(market, server, unknown)
        server.serve(market, None if settings.control_off else operating, settings.control_off)
        progress.start()
        # One write, so that no log line of another thread can come between the text and its end.
        sys.stderr.write(f"listening on {settings.host}:{port}\n")
        sys.stderr.flush()
        stop.wait(operating.reload)
        log.info("stopping")
    finally:
        server.stop(_STOP_GRACE_S)
        progress.stop()
        carried.stop()
        for session in list(sessions):
            session.stop()


def _grpc_options(settings: Settings) -> GrpcOptions:
    told: dict[str, Any] = {name: getattr(settings, name) for name in _AS_TOLD}
    told |= {name: Path(path) for name in _TLS if (path := getattr(settings, name))}
    return GrpcOptions(dust=Decimal(str(settings.dust_amount)), **told)


def _budget(session: VenueSession) -> Budget:
    weight, connects = session.rest.budget, session.connects
    now = time.monotonic()
    return Budget(
        session.venue.name,
        weight.used(now),
        weight.limit,
        int(weight.window_s),
        session.banned_until_ns(),
        session.rest.waiting,
        connects.used(now),
        connects.limit,
        int(connects.window_s),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 after SIGINT or SIGTERM, 2 for bad arguments, 1 for anything else."""
    try:
        settings = read_settings(argv)
    except UsageError as error:
        print(f"server.py: {error}", file=sys.stderr)
        return 2
    set_up_logging(settings.log_level, settings.log_format)
    stop = Stop()
    try:
        run(settings, stop, lambda: read_settings(argv))
    except UsageError as error:
        print(f"server.py: {error}", file=sys.stderr)
        return 2
    except (StartError, ServicesError) as error:
        print(f"server.py: {error}", file=sys.stderr)
        return 1
    return 1 if stop.failed else 0


if __name__ == "__main__":
    sys.exit(main())
