"""Alert rules as short texts, and the numbers in them: `spread >= 5bp warn`, `price > 65000 once`. Pure."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from dashboard.numbers import SECOND_NS, scaled

MS_NS = 1_000_000
COOL_NS = 5 * SECOND_NS
PLACES = 18  # of prices and amounts in a rule, which outlives pairs and their scales
HUNDREDTHS = 2  # places of basis points and per cent


class Subject(StrEnum):
    """What a rule watches."""

    PRICE = "price"  # the mid crosses a price
    SPREAD = "spread"
    IMBALANCE = "imbalance"  # either way
    SIZE = "size"  # of one level, within a distance from the mid
    VENUE = "venue"  # enters a state
    FEED = "feed"  # is stale, or lost
    CROSSED = "crossed"  # for longer than a time
    AGE = "age"  # p99 of the picture's age


class Level(StrEnum):
    """How much an alert matters."""

    INFO = "info"
    WARN = "warn"
    ALARM = "alarm"


class Repeat(StrEnum):
    """How often a rule speaks while its condition comes and goes."""

    ONCE = "once"  # then never again
    EVERY = "every"  # each time that it becomes true
    UNTIL = "until"  # again and again while it is true, until it is acknowledged


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. The unit of `bound` follows from the subject: see `parse`."""

    subject: Subject
    bound: int = 0
    above: bool = True  # of prices: crosses upwards; others only know at least
    within: int = 0  # of sizes: 1/100 of a basis point from the mid
    name: str = ""  # of venues: the venue; empty: any
    state: str = ""  # of venues: the state; empty: anything but live
    pair: str = ""  # empty: whichever is shown
    level: Level = Level.INFO
    repeat: Repeat = Repeat.EVERY
    cool_ns: int = COOL_NS  # between two alerts of this rule
    back: int | None = None  # it is over when the figure comes back beyond this; None: see `over`

    @property
    def over(self) -> int:
        """Where an alert is over: by default 2 bp back for a price, a tenth of the bound for other figures."""
        if self.back is not None:
            return self.back
        if self.subject in (Subject.FEED, Subject.VENUE, Subject.CROSSED):
            return self.bound
        room = self.bound // 5_000 if self.subject is Subject.PRICE else self.bound // 10
        return self.bound - room if self.above else self.bound + room

    def __str__(self) -> str:
        """The text that `parse` makes this rule of."""
        words = [_condition(self)]
        if self.pair:
            words.append(f"on {self.pair}")
        if self.back is not None:
            words.append(f"back {_written(self.subject, self.back)}")
        if self.level is not Level.INFO:
            words.append(self.level.value)
        if self.repeat is not Repeat.EVERY:
            words.append(self.repeat.value)
        if self.cool_ns != COOL_NS:
            words.append(f"cool {_time(self.cool_ns)}")
        return " ".join(words)


class BadRule(ValueError):
    """A text is no rule; the message says why and how to write one."""


FORMS = (
    "price > 65000",
    "price < 60000",
    "spread >= 5bp",
    "imbalance >= 60%",
    "size >= 10 within 5bp",
    "venue kraken down",
    "venue any",
    "feed stale",
    "crossed >= 500ms",
    "age p99 >= 250ms",
)
_PLAIN = re.compile(r"(price|spread|imbalance|crossed|age(?: p99)?) *(>=|<=|>|<) *(\S+)")
_SIZE = re.compile(r"size *>= *(\S+) +within +(\S+)")
_VENUE = re.compile(r"venue +(\S+?)(?: +(connecting|syncing|live|stale|gap|down|disabled|unlisted|unconverted))?")
_TAIL = re.compile(r"(.*?)(?: +(back +\S+|on +\S+|info|warn|alarm|once|every|until|cool +\S+))")


def parse(text: str) -> Rule:
    """A rule. Raises BadRule. Prices and sizes count 10^-18, bp and % hundredths, times ns."""
    body = " ".join(text.lower().replace("|", "").split())
    words: dict[str, str] = {}
    while found := _TAIL.fullmatch(body):
        body, word = found.groups()
        kind, _, value = word.partition(" ")
        key = kind if value else "level" if kind in list(Level) else "repeat"
        if key in words:
            raise BadRule(f"{text!r} says {key} twice")
        words[key] = value or kind
    rule = _subject(body, text)
    return replace(
        rule,
        pair=words.get("on", "").upper(),
        level=Level(words.get("level", Level.INFO)),
        repeat=Repeat(words.get("repeat", Repeat.EVERY)),
        cool_ns=_ns(words["cool"], text) if "cool" in words else COOL_NS,
        back=_back(rule, words["back"], text) if "back" in words else None,
    )


def _subject(body: str, text: str) -> Rule:
    if body == "feed stale":
        return Rule(Subject.FEED)
    if found := _SIZE.fullmatch(body):
        return Rule(
            Subject.SIZE, _number(found[1], "", PLACES, text), within=_number(found[2], "bp", HUNDREDTHS, text)
        )
    if found := _VENUE.fullmatch(body):
        return Rule(Subject.VENUE, name="" if found[1] == "any" else found[1], state=found[2] or "")
    if not (found := _PLAIN.fullmatch(body)):
        raise BadRule(f"{text!r} is no rule; write one like " + ", ".join(repr(form) for form in FORMS))
    word, sign, value = found.groups()
    subject = Subject(word.split()[0])
    if subject is not Subject.PRICE and sign != ">=":
        raise BadRule(f"{text!r}: {subject.value} only knows >=")
    return Rule(subject, _bound(subject, value, text), above=sign[0] == ">")


def _back(rule: Rule, value: str, text: str) -> int:
    if rule.subject in (Subject.FEED, Subject.VENUE, Subject.CROSSED):
        raise BadRule(f"{text!r}: {rule.subject.value} has no way back to name; it is over when it is over")
    back = _bound(rule.subject, value, text)
    if back > rule.bound if rule.above else back < rule.bound:
        raise BadRule(f"{text!r}: it comes back on the other side of its bound")
    return back


def _bound(subject: Subject, value: str, text: str) -> int:
    if subject in (Subject.CROSSED, Subject.AGE):
        return _ns(value, text)
    unit, places = _UNITS[subject]
    return _number(value, unit, places, text)


_UNITS = {
    Subject.PRICE: ("", PLACES),
    Subject.SIZE: ("", PLACES),
    Subject.SPREAD: ("bp", HUNDREDTHS),
    Subject.IMBALANCE: ("%", HUNDREDTHS),
}


def _number(value: str, unit: str, places: int, text: str) -> int:
    if not value.endswith(unit):
        raise BadRule(f"{text!r}: {value!r} lacks its unit, {unit}")
    try:
        number = scaled(value.removesuffix(unit), places)
    except ValueError as error:
        raise BadRule(f"{text!r}: {error}") from None
    if number <= 0:
        raise BadRule(f"{text!r}: {value!r} must be more than 0")
    return number


def _ns(value: str, text: str) -> int:
    unit, ns = ("ms", MS_NS) if value.endswith("ms") else ("s", SECOND_NS)
    return _number(value, unit, 3, text) * ns // 1000


def _condition(rule: Rule) -> str:
    subject = rule.subject
    if subject is Subject.FEED:
        return "feed stale"
    if subject is Subject.VENUE:
        return f"venue {rule.name or 'any'} {rule.state}".rstrip()
    if subject is Subject.SIZE:
        return f"size >= {_trimmed(rule.bound, PLACES)} within {_trimmed(rule.within, HUNDREDTHS)}bp"
    sign = ">=" if subject is not Subject.PRICE else ">" if rule.above else "<"
    word = "age p99" if subject is Subject.AGE else subject.value
    return f"{word} {sign} {_written(subject, rule.bound)}"


def _written(subject: Subject, value: int) -> str:
    if subject in (Subject.CROSSED, Subject.AGE):
        return _time(value)
    unit, places = _UNITS[subject]
    return _trimmed(value, places) + unit


def _time(ns: int) -> str:
    return f"{_trimmed(ns, 9)}s" if ns % SECOND_NS == 0 else f"{_trimmed(ns, 6)}ms"


def _trimmed(value: int, places: int) -> str:
    whole, rest = divmod(value, 10**places)
    digits = f"{rest:0{places}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
