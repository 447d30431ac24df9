"""The alert engine: views go in, alerts come out. It reads the clock that it was given and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dashboard.conditions import Figure, measured
from dashboard.feed import Clock, FeedState, View
from dashboard.market import Touch
from dashboard.numbers import SECOND_NS, short_duration
from dashboard.rows import Role, Row, Span, blank, fitted
from dashboard.rules import Level, Repeat, Rule, Subject

SNOOZE_NS = 600 * SECOND_NS
BELL_NS = 2 * SECOND_NS
KEPT = 100  # alerts that wait to be acknowledged
LEVEL_ROLES = {Level.INFO: Role.BUSY, Level.WARN: Role.WARN, Level.ALARM: Role.BAD}


class Alert(NamedTuple):
    """A rule spoke."""

    rule: Rule
    text: str
    pair: str
    at_ns: int  # of the engine's clock
    bell: bool  # an alarm, and the last bell is long enough ago


@dataclass(slots=True)
class _Active:
    """Something that a rule found, for as long as it holds."""

    since_ns: int
    text: str
    acknowledged: bool = False


@dataclass(slots=True)
class _Watch:
    """One rule's memory."""

    pair: str = ""
    active: dict[str, _Active] = field(default_factory=dict)
    spoke_ns: dict[str, int] = field(default_factory=dict)  # by what it was about
    done: bool = False  # a rule that speaks once has spoken
    begun: bool = False  # it has been measured; a price that is beyond its bound from the first has not crossed it
    snoozed_until_ns: int = 0


class Engine:
    """Watches rules. One event loop calls it."""

    def __init__(self, rules: Sequence[Rule], clock: Clock) -> None:
        self._clock = clock
        self._rules = tuple(dict.fromkeys(rules))
        self._watches = [_Watch() for _ in self._rules]
        self._crossed: tuple[str, int] | None = None  # pair, since
        self._bell_ns: int | None = None
        self._snoozed_until_ns = 0
        self._pending: dict[tuple[Rule, str, str], Alert] = {}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """In the order in which they were given."""
        return self._rules

    def replace(self, rules: Sequence[Rule]) -> None:
        """Other rules; those that stay keep what they know."""
        known = dict(zip(self._rules, self._watches, strict=True))
        self._rules = tuple(dict.fromkeys(rules))
        self._watches = [known.get(rule) or _Watch() for rule in self._rules]
        self._pending = {key: alert for key, alert in self._pending.items() if alert.rule in self._rules}

    def watch(self, view: View, depth: int = 10, age_p99_ns: int | None = None) -> list[Alert]:
        """What is new since the last view. `view`: the newest, also while the picture is paused.

        `depth`: levels a side that the imbalance counts.
        """
        now = self._clock()
        crossed = self._crossed_for(view, now)
        out: list[Alert] = []
        for rule, watch in zip(self._rules, self._watches, strict=True):
            pair = view.pair if view.book is None else view.book.pair
            if watch.pair != pair and rule.subject is not Subject.FEED:
                watch.pair, watch.active, watch.begun = pair, {}, False
            figures = measured(rule, view, depth, crossed, age_p99_ns)
            if figures is not None:
                spoken = self._follow(rule, watch, figures, now)
                out += [self._alert(rule, about, text, pair, now) for about, text in spoken]
        return out

    def _crossed_for(self, view: View, now: int) -> int | None:
        book = view.book
        if book is None or book.touch is not Touch.CROSSED or view.state is not FeedState.LIVE:
            self._crossed = None
            return None
        if self._crossed is None or self._crossed[0] != book.pair:
            self._crossed = (book.pair, now)
        return now - self._crossed[1]

    def _follow(self, rule: Rule, watch: _Watch, figures: dict[str, Figure], now: int) -> list[tuple[str, str]]:
        """What became true or ceased to be; answers what is to be said, and about what."""
        for about in [about for about in watch.active if not _holds(rule, figures.get(about))]:
            del watch.active[about]
        said = []
        for about, figure in figures.items():
            active = watch.active.get(about)
            if active is not None:
                active.text = figure.text
                again = rule.repeat is Repeat.UNTIL and not active.acknowledged
            elif _begins(rule, figure):
                watch.active[about] = _Active(now, figure.text)
                again = watch.begun or rule.subject is not Subject.PRICE
            else:
                continue
            if again and self._may_speak(rule, watch, about, now):
                watch.spoke_ns[about] = now
                watch.done = rule.repeat is Repeat.ONCE
                said.append((about, figure.text))
        watch.begun = True
        return said

    def _may_speak(self, rule: Rule, watch: _Watch, about: str, now: int) -> bool:
        if watch.done or now < max(self._snoozed_until_ns, watch.snoozed_until_ns):
            return False
        spoke = watch.spoke_ns.get(about)
        return spoke is None or now - spoke >= rule.cool_ns

    def _alert(self, rule: Rule, about: str, text: str, pair: str, now: int) -> Alert:
        bell = rule.level is Level.ALARM and (self._bell_ns is None or now - self._bell_ns >= BELL_NS)
        if bell:
            self._bell_ns = now
        alert = Alert(rule, text, pair, now, bell)
        self._pending[rule, pair, about] = alert
        if len(self._pending) > KEPT:
            del self._pending[next(iter(self._pending))]
        return alert

    @property
    def pending(self) -> tuple[Alert, ...]:
        """What was said and not acknowledged, oldest first, the newest of each rule and thing."""
        return tuple(self._pending.values())

    @property
    def badge(self) -> tuple[str, Role] | None:
        """`!2` and the role of the worst, for the header; None: all is acknowledged."""
        if not self._pending:
            return None
        worst = max((alert.rule.level for alert in self.pending), key=list(Level).index)
        return f"!{len(self._pending)}", LEVEL_ROLES[worst]

    def acknowledge(self) -> int:
        """The user saw all of it; answers how many there were."""
        count = len(self._pending)
        self._pending.clear()
        for watch in self._watches:
            for active in watch.active.values():
                active.acknowledged = True
        return count

    def snooze(self, rule: Rule | None = None, for_ns: int = SNOOZE_NS) -> None:
        """Silence for a while: of one rule, or of all. What happens meanwhile is followed and not told later."""
        until = self._clock() + for_ns
        if rule is None:
            self._snoozed_until_ns = until
        else:
            self._watches[self._rules.index(rule)].snoozed_until_ns = until

    def wake(self) -> None:
        """Ends every snooze."""
        self._snoozed_until_ns = 0
        for watch in self._watches:
            watch.snoozed_until_ns = 0

    def state(self, index: int) -> str:
        """What a rule is doing, in words."""
        watch, now = self._watches[index], self._clock()
        until = max(self._snoozed_until_ns, watch.snoozed_until_ns)
        if now < until:
            return f"snoozed {short_duration(until - now)}"
        if watch.done:
            return "spoke"
        if watch.active:
            first = min(active.since_ns for active in watch.active.values())
            text = next(iter(watch.active.values())).text
            return f"! {short_duration(now - first)}: {text}"
        return "watching" if watch.begun else "waiting"


def _begins(rule: Rule, figure: Figure) -> bool:
    return figure.value >= rule.bound if rule.above else figure.value <= rule.bound


def _holds(rule: Rule, figure: Figure | None) -> bool:
    """With hysteresis: what began is over only when it came back a good part of the way."""
    if figure is None:
        return False
    return figure.value >= rule.over if rule.above else figure.value <= rule.over


def rows(engine: Engine, width: int, height: int, selected: int | None = None) -> list[Row]:
    """The alert editor's list: each rule as its text, and what it is doing."""
    out = []
    for index, rule in enumerate(engine.rules):
        state = engine.state(index)
        role = LEVEL_ROLES[rule.level] if state.startswith("!") else Role.QUIET
        text = f"{'>' if index == selected else ' '} {rule!s:<40} "
        out.append(
            Row(fitted([Span(text), Span(state, role)], width), width if index == selected else 0, Role.CURSOR)
        )
    if not out:
        out.append(Row(fitted([Span("  no alert rules yet", Role.QUIET)], width)))
    return (out + [blank(width)] * height)[:height]
