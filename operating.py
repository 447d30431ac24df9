"""What may change while the server runs: by calls of Control, and by reading the configuration again."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from decimal import Decimal

from book import BadPair, Pair, UnknownPair, resolve_pair
from book.group import Groups
from exchanges import VENUES, VenueSession
from pairs import Pairs
from services.control import Change, Changes
from services.grpc_server import GrpcServer
from services.market import Market
from settings import Settings, UsageError, address_of, fees_told, groups_told, options_of

log = logging.getLogger(__name__)

DISABLED = "disabled by the operator"
_NOTE = "not written to the configuration file: it holds until that is read again, or the server starts again"
_RELOADED = "everything is as the configuration says; what Control had changed besides is undone"
_LIMITS = (
    "max_streams_per_client",
    "max_pairs_per_client",
    "max_messages_per_client",
    "max_view_levels",
    "min_interval_ms",
)
# What has a way of its own to take effect. All other settings need a restart.
_FOLLOWED = frozenset(
    (
        *_LIMITS, "base_asset", "quote_asset", "pairs", "exchanges", "disabled", "max_pairs", "linger_s", "on_demand",
        "suspect", "suspect_bps", "suspect_s", "routed", "fees", "catalog_s", "log_level",
    )
)  # fmt: skip


class Operating:
    """Carries out what the operator wants, one thing at a time; every method may be called from any thread."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        pairs: Pairs,
        sessions: list[VenueSession],
        new_session: Callable[[Settings, str], VenueSession],
    ) -> None:
        """`read` reads the settings anew. `sessions` are those that run; further ones are put in here."""
        self.fees: dict[str, Decimal] = dict(fees_told(settings))  # what the market tells; changes with the settings
        self._settings = self._started = settings
        self._read = read
        self._pairs = pairs
        self._sessions = sessions
        self._new_session = new_session
        self._lock = threading.RLock()  # of what is done, and of what follows
        self._market: Market | None = None
        self._server: GrpcServer | None = None
        self._unknown: list[str] = []  # pairs of the configuration that no venue lists
        self.on_change: Callable[[], None] = lambda: None  # books have come, or come back

    def begin(self, market: Market, server: GrpcServer, unknown: Sequence[str]) -> None:
        """From now on there is something to operate. `unknown`: wanted pairs that no venue lists so far."""
        with self._lock:
            self._market, self._server, self._unknown = market, server, list(unknown)
        self.catalogs_read()

    def catalogs_read(self) -> None:
        """A venue's list was read: new pairs can be named, and those that were wanted and unknown are carried."""
        with self._lock:
            if self._market is None:
                return
            instruments = [each for session in self._sessions for each in session.catalog]
            known = [each.pair for each in instruments if each.trading]
            groups = Groups(groups_told(self._started), known)
            self._pairs.regroup(groups)
            self._market.relist(instruments, [*known, *groups.pairs])
            found, self._unknown, _ = self._resolve(self._unknown)
            for pair in self._pairs.pin(found.values())[0]:
                log.info("%s is listed now, and carried", pair)
                self.on_change()
            carried = self._pairs.books  # a group whose quotes cannot be converted yet waits for that
            self._unknown += [name for name, pair in found.items() if pair.grouped and pair not in carried]

    # The calls of Control.

    def add_pairs(self, names: Sequence[str]) -> Changes:
        """Carries these pairs whether somebody watches or not."""
        changes = Changes(_NOTE)
        with self._lock:
            found, _, changes.refused = self._resolve(names)
            self._pin(found.values(), changes)
        return self._told("add", changes)

    def remove_pairs(self, names: Sequence[str]) -> Changes:
        """Carries these only as long as somebody watches."""
        changes = Changes(_NOTE)
        with self._lock:
            found, _, changes.refused = self._resolve(names)
            self._unpin(found.values(), changes)
        return self._told("remove", changes)

    def disable_venues(self, names: Sequence[str]) -> Changes:
        """Switches these off."""
        return self._switch_all(names, on=False)

    def enable_venues(self, names: Sequence[str]) -> Changes:
        """Switches these on."""
        return self._switch_all(names, on=True)

    def reload(self) -> Changes:
        """Makes everything as the configuration says now. What is wrong with it is told, and changes nothing."""
        changes = Changes(_RELOADED)
        try:
            wanted = self._read()
        except UsageError as error:
            changes.note = "nothing has changed"
            changes.refused.append(Change("configuration", str(error)))
            log.error("reload: nothing has changed: %s", error)
            return changes
        with self._lock:
            self._follow(wanted, changes)
            self._switch(VENUES, set(wanted.exchanges) - set(wanted.disabled), changes)
            self._carry(wanted.wanted, changes)
            self._name_what_needs_a_restart(wanted, changes)
            for session in self._sessions:
                session.read_catalog(wanted.catalog_s)
        return self._told("reload", changes)

    # Pairs; the lock is held.

    def _resolve(self, names: Iterable[str]) -> tuple[dict[str, Pair], list[str], list[Change]]:
        """The pairs that names mean, the names that mean none that is listed, and why they do not."""
        assert self._market is not None
        found: dict[str, Pair] = {}
        unknown: list[str] = []
        problems: list[Change] = []
        for name in names:
            try:
                found[name] = resolve_pair(name, self._market.names)
            except (BadPair, UnknownPair) as error:
                unknown.append(name)
                problems.append(Change(name, str(error)))
        return found, unknown, problems

    def _pin(self, pairs: Iterable[Pair], changes: Changes) -> None:
        wanted = list(dict.fromkeys(pairs))
        before = set(self._pairs.pinned)
        fresh, full = self._pairs.pin(wanted)
        for pair in wanted:
            if pair in fresh:
                changes.changed.append(Change(str(pair), "carried"))
            elif pair in before:
                changes.unchanged.append(Change(str(pair), "is carried"))
            else:
                changes.refused.append(Change(str(pair), full))
        if fresh:
            self.on_change()

    def _unpin(self, pairs: Iterable[Pair], changes: Changes) -> None:
        assert self._market is not None
        default = self._market.default_pair
        wanted = list(dict.fromkeys(pairs))
        loose = self._pairs.unpin(pair for pair in wanted if pair != default)
        for pair in wanted:
            watched = self._pairs.watched(pair)
            streams = f"{watched} stream{'s' if watched > 1 else ''}"
            if pair == default:
                changes.refused.append(Change(str(pair), "it is the default pair; a reload may name another"))
            elif pair in loose:
                what = f"carried as long as {streams} watch it" if watched else "not carried any more"
                changes.changed.append(Change(str(pair), what))
            else:
                what = f"is carried only because {streams} watch it" if watched else "is not carried"
                changes.unchanged.append(Change(str(pair), what))

    def _carry(self, names: Sequence[str], changes: Changes) -> None:
        """Pins what the configuration names and nothing else; the first that is known is the default."""
        assert self._market is not None
        found, self._unknown, problems = self._resolve(names)
        soon = "; carried as soon as a venue lists it"
        changes.refused += [Change(name, f"{what}{soon}") for name, what in problems]
        self._pin(found.values(), changes)
        pinned = self._pairs.pinned
        default = next((pair for pair in found.values() if pair in pinned), self._market.default_pair)
        if default != self._market.default_pair:
            changes.changed.append(Change("default pair", f"{self._market.default_pair} -> {default}"))
            self._market.default_pair = default
        kept = {*found.values(), default}
        self._unpin([pair for pair in pinned if pair not in kept], changes)

    # Venues; the lock is held.

    def _switch_all(self, names: Sequence[str], *, on: bool) -> Changes:
        changes = Changes(_NOTE)
        known = {session.venue.name for session in self._sessions}
        with self._lock:
            wanted = [name.strip().lower() for name in names]
            for name in wanted:
                if name not in VENUES:
                    changes.refused.append(Change(name, f"no such venue; known are {', '.join(VENUES)}"))
                elif name not in known and not on:
                    changes.unchanged.append(Change(name, "is not read by this server"))
            self._switch([name for name in wanted if name in VENUES], set(wanted) if on else set(), changes)
        return self._told("enable" if on else "disable", changes)

    def _switch(self, names: Iterable[str], on: set[str], changes: Changes) -> None:
        """Each of `names` is on if it is among these, else off."""
        assert self._market is not None
        running = {session.venue.name: session for session in self._sessions}
        for name in dict.fromkeys(names):
            session = running.get(name)
            if session is None:
                if name in on:
                    self._start(name)
                    changes.changed.append(Change(name, "enabled: reading its list of pairs"))
            elif name in on:
                if session.enable():
                    changes.changed.append(Change(name, "enabled: reading its list of pairs"))
                    self.on_change()
                else:
                    changes.unchanged.append(Change(name, "is enabled"))
            elif session.disable(DISABLED):
                changes.changed.append(Change(name, "disabled"))
            else:
                changes.unchanged.append(Change(name, "is disabled"))
        self.catalogs_read()

    def _start(self, name: str) -> None:
        session = self._new_session(self._settings, name)
        self._sessions.append(session)
        self._pairs.join(session)
        self.on_change()

    # Settings; the lock is held.

    def _follow(self, wanted: Settings, changes: Changes) -> None:
        """Makes those hold that can."""
        assert self._market is not None and self._server is not None
        before, self._settings = self._settings, wanted
        plain = sorted(_FOLLOWED - {"base_asset", "quote_asset", "pairs", "exchanges", "disabled"})
        for name in plain:
            then, now = getattr(before, name), getattr(wanted, name)
            if then != now:
                changes.changed.append(Change(name, f"{_words(then)} -> {_words(now)}"))
        self._pairs.limit(wanted.max_pairs, wanted.linger_s)
        self._market.on_demand = wanted.on_demand == "on"
        if wanted.policy != before.policy:
            self._pairs.judge_by(wanted.policy)
        self.fees.update(fees_told(wanted))
        for name in self.fees.keys() - fees_told(wanted).keys():
            del self.fees[name]
        self._server.retune(replace(self._server.options, **{name: getattr(wanted, name) for name in _LIMITS}))
        logging.getLogger().setLevel(wanted.log_level.upper())

    def _name_what_needs_a_restart(self, wanted: Settings, changes: Changes) -> None:
        for each in fields(Settings):
            then, now = getattr(self._started, each.name), getattr(wanted, each.name)
            if each.name not in (*_FOLLOWED, "endpoints", "hosts", "options") and then != now:
                words = f"{_words(then)} -> {_words(now)}: only after a restart"
                changes.refused.append(Change(each.name, words))
        for session in self._sessions:
            name = session.venue.name
            if session.address != address_of(wanted, name) or session.options != options_of(wanted, name):
                words = "its endpoints, hosts or options have changed: only after a restart"
                changes.refused.append(Change(name, words))

    def _told(self, call: str, changes: Changes) -> Changes:
        """The answer, once the log has its summary."""
        for level, kind, found in (
            (logging.INFO, "changed", changes.changed),
            (logging.WARNING, "refused", changes.refused),
        ):
            if found:
                log.log(level, "%s: %s: %s", call, kind, "; ".join(f"{each.subject}: {each.what}" for each in found))
        if not (changes.changed or changes.refused):
            log.info("%s: nothing has changed", call)
        return changes


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items()) or "none"
    return "none" if value is None else str(value)
