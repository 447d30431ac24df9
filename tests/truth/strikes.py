"""Every kind of fault that the venue knows, with a sensible spread of parameters, drawn by a seed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.truth.faces import FACES

CODES = (1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999)
FORMS = ("text", "truncated", "types", "nan", "negative", "empty", "utf8")
_TOO_BIG = 20_000_000  # bytes; no client has to take such a message
_FRAME_S = 0.5  # in which a struck frame shows its effect


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault to be made, and what it may do.

    `pair` is None when it concerns the whole face. `wide`: all books of the face may leave live, not only the
    pair's. `harmless`: none may. `blind`: diffs go missing without a trace, so that nobody can know before an audit:
    what it makes wrong is judged apart. `mend_s`: where no audit finds it for sure, a cut ends it after so long.
    """

    label: str  # its row in the table
    face: str
    pair: str | None
    fault: dict[str, Any]
    wide: bool = False
    harmless: bool = False
    blind: bool = False
    after: dict[str, Any] | None = None  # a second fault, posted next: it makes the client ask for a snapshot
    healed_by_cut: bool = False  # clients rightly do not ask again for an hour
    settle_s: float = _FRAME_S  # after its end: so late may its effect begin
    slack_s: float = field(default=0.3)  # of a blind one: after its end diffs may still be lost

    @property
    def mend_s(self) -> float:
        """After how long a cut ends what it made wrong, where nothing else is sure to; 0: something is."""
        return FACES[self.face].mend_s if self.blind else 0.0

    def __str__(self) -> str:
        words = ", ".join(f"{name}={value}" for name, value in self.fault.items())
        return f"{self.face} {self.pair or '*'}: {words}"


def calm(face: str, seconds: float) -> Strike:
    """A time in which nothing is done."""
    fault = {"kind": "duplicate", "channel": "trade", "for_s": seconds}  # no book is made of trades
    return Strike("calm", face, None, fault, harmless=True)


Maker = Callable[[Random, str, str], Strike]  # from the face and the pair that it may choose


def deck(rng: Random, face: str, pairs: Sequence[str], kinds: Sequence[str] = ()) -> Iterator[Strike]:
    """Strikes without end: all kinds come equally often, in random order."""
    labels = [label for label in kinds_of(face) if not kinds or label in kinds]
    if not labels:
        raise ValueError(f"none of these kinds strikes on {face}: {'; '.join(kinds)}")
    while True:
        rng.shuffle(labels)
        for label in labels:
            yield KINDS[label](rng, face, rng.choice(pairs))


def _frames(
    label: str, *channels: str, counts: tuple[int, int] = (1, 5), harmless: bool = False, **fixed: Any
) -> Maker:
    """A fault on frames of one pair."""

    def make(rng: Random, face: str, pair: str) -> Strike:
        fault = {"kind": label, "channel": rng.choice(_served(face, channels)), "count": rng.randint(*counts)}
        fault |= {name: _draw(rng, value) for name, value in fixed.items()}
        # A late frame of one book is a missing number to the others of its connection.
        wide = label == "delay" and FACES[face].one_number
        return Strike(label, face, pair, fault, harmless=harmless, wide=wide)

    return make


def _served(face: str, channels: Sequence[str]) -> list[str]:
    """Those that a client subscribes there."""
    return [each for each in channels if each != "top" or FACES[face].tops]


def _draw(rng: Random, value: Any) -> Any:
    """A tuple is a range, a list a choice, anything else itself."""
    if isinstance(value, tuple):
        low, high = value
        return rng.randint(low, high) if isinstance(low, int) else round(rng.uniform(low, high), 2)
    return rng.choice(value) if isinstance(value, list) else value


def _drop(rng: Random, face: str, pair: str) -> Strike:
    blind = not FACES[face].numbered
    fault = {"kind": "drop", "channel": "diff", "count": rng.randint(1, 2 if blind else 5)}
    if not blind:
        fault["every"] = rng.randint(1, 3)
        fault["channel"] = rng.choice(("diff", "any"))
    return Strike("drop", face, pair, fault, blind=blind, wide=FACES[face].one_number)


def _reorder(rng: Random, face: str, pair: str) -> Strike:
    blind = not FACES[face].numbered
    fault = {"kind": "reorder", "channel": "diff", "count": 1 if blind else rng.randint(1, 3)}
    return Strike("reorder", face, pair, fault, blind=blind, wide=FACES[face].one_number)


def _garbage(form: str) -> Maker:
    def make(rng: Random, face: str, pair: str) -> Strike:
        channel = rng.choice(_served(face, ("diff", "diff", "any", "top")))
        fault = {"kind": "garbage", "form": form, "channel": channel, "count": rng.randint(1, 3)}
        # What does not tell whose book it was may have been one of any pair.
        return Strike(f"garbage {form}", face, pair, fault, wide=form in FACES[face].anonymous)

    return make


def _oversized(rng: Random, face: str, pair: str) -> Strike:
    size = rng.choice((200_000, 2_000_000, _TOO_BIG))
    fault = {"kind": "oversized", "channel": "diff", "bytes": size, "count": 1}
    return Strike("oversized", face, pair, fault, wide=size == _TOO_BIG)


def _silence(rng: Random, face: str, pair: str) -> Strike:
    fault = {"kind": "silence", "for_s": _draw(rng, (1.0, 14.0)), "clients": rng.choice(("all", "present"))}
    fault["cure"] = rng.random() < 0.5
    facts = FACES[face]
    return Strike("silence of a pair", face, pair, fault, blind=not facts.numbered, wide=facts.one_number)


def _silence_all(pings: bool) -> Maker:
    def make(rng: Random, face: str, pair: str) -> Strike:
        fault = {"kind": "silence", "for_s": _draw(rng, (2.0, 14.0)), "pings": pings}
        label = "silence, pings" if pings else "silence, no pings"
        return Strike(
            label, face, None, fault, wide=True, blind=not FACES[face].numbered, settle_s=FACES[face].aftermath_s
        )

    return make


def _half_open(clients: str) -> Maker:
    def make(rng: Random, face: str, pair: str) -> Strike:
        fault = {"kind": "half_open", "for_s": _draw(rng, (3.0, 16.0)), "clients": clients}
        fault["connects"] = rng.choice(("held", "hang")) if clients == "all" else "held"
        label = f"half_open {clients}"
        return Strike(
            label, face, None, fault, wide=True, blind=not FACES[face].numbered, settle_s=FACES[face].aftermath_s
        )

    return make


def _cut(rng: Random, face: str, pair: str) -> Strike:
    fault: dict[str, Any] = {"kind": "cut", "code": rng.choice(CODES), "count": 1}
    if fault["code"] == 1006:
        fault["reset"] = rng.random() < 0.5
    return Strike("cut", face, rng.choice((pair, None)), fault, wide=True, settle_s=1.0)


def _cut_reset(rng: Random, face: str, pair: str) -> Strike:
    fault = {"kind": "cut", "code": 1006, "reset": True, "count": rng.randint(1, 2), "every_s": 2.0}
    return Strike("cut reset", face, None, fault, wide=True, settle_s=1.0)


def _refuse(label: str, *statuses: int) -> Maker:
    def make(rng: Random, face: str, pair: str) -> Strike:
        # To 403 Bybit adds that one shall rest for ten minutes, which is obeyed.
        allowed = [each for each in statuses if (face, each) != ("bybit", 403)]
        what, status = rng.choice(("ws", "all", "rest")), rng.choice(allowed)
        fault: dict[str, Any] = {"kind": "refuse", "for_s": _draw(rng, (1.0, 6.0)), "what": what, "status": status}
        if status == 429:
            fault["retry_after_s"] = rng.randint(1, 4)
        elif status == 0:
            fault["reset"] = rng.random() < 0.5
        cut = {"kind": "cut", "count": 1}
        forbidden = status == 403 and what != "ws" and FACES[face].rest == "snapshots"
        return Strike(label, face, None, fault, wide=True, after=cut, settle_s=1.0, healed_by_cut=forbidden)

    return make


def _life(rng: Random, face: str, pair: str) -> Strike:
    notice = rng.random() < 0.5
    fault = {"kind": "life", "s": _draw(rng, (0.5, 3.0)), "notice": notice, "count": 1}
    return Strike("life", face, None, fault, wide=True, settle_s=1.0)


def _shutdown(rng: Random, face: str, pair: str) -> Strike:
    notice_s = rng.choice((-1.0, 0.0, 1.0, 3.0))
    fault = {"kind": "shutdown", "notice_s": abs(notice_s) if FACES[face].long_notice else notice_s}
    return Strike("shutdown", face, None, fault, wide=True, settle_s=1.0)


def _reply(label: str, count: int | None = 1, healed_by_cut: bool = False, **fixed: Any) -> Maker:
    """A fault on a snapshot, with a reason to ask for one: a lost diff where that can be noticed, else a cut.

    Where REST books only tell quiet from dead, a silent stream is the reason.
    """

    def make(rng: Random, face: str, pair: str) -> Strike:
        drawn = {name: _draw(rng, value) for name, value in fixed.items()}
        if (face, drawn.get("code")) == ("bybit", 403):  # it adds that one shall rest for ten minutes
            drawn["code"] = 451
        fault = {"kind": label.split()[0], **({} if count is None else {"count": rng.randint(1, count)}), **drawn}
        if FACES[face].rest == "probes":
            silence = {"kind": "silence", "for_s": _draw(rng, (6.0, 9.0))}
            if count is not None:  # one request at a time, and only while it lasts
                fault["count"] = 1
            return Strike(label, face, pair, fault, after=silence)
        if face == "binance" and rng.random() < 0.6:
            drop = {"kind": "drop", "channel": "diff", "count": 1}
            return Strike(label, face, pair, fault, after=drop, healed_by_cut=healed_by_cut, wide=healed_by_cut)
        cut = {"kind": "cut", "count": 1}
        return Strike(label, face, rng.choice((pair, None)), fault, wide=True, after=cut, healed_by_cut=healed_by_cut)

    return make


def _lost(rng: Random, face: str, pair: str) -> Strike:
    return Strike("lost", face, pair, {"kind": "lost", "count": 1}, blind=True)


def _wrong(level: str) -> Maker:
    def make(rng: Random, face: str, pair: str) -> Strike:
        fault = {"kind": "wrong", "count": 1, "level": level, "factor": rng.choice((0.0, 0.5, 2.0, 10.0))}
        return Strike(f"wrong {level}", face, pair, fault, blind=True)

    return make


def _skew(rng: Random, face: str, pair: str) -> Strike:
    """The shifts have odd microseconds, so that a shifted time is never another true one."""
    fault = {
        "kind": "skew",
        "for_s": _draw(rng, (2.0, 6.0)),
        "ms": rng.choice((-3000, -500, -50, 50, 500, 3000)) + 0.137,
    }
    if rng.random() < 0.4:
        fault |= {"jump_ms": rng.choice((200, 1500)), "period_s": 1.5}
    wide = rng.random() < 0.3
    slack_s = (abs(fault["ms"]) + fault.get("jump_ms", 0)) / 1000 + 1.5
    return Strike(
        "skew",
        face,
        None if wide else pair,
        fault,
        wide=wide,
        blind=FACES[face].clock_is_position,
        settle_s=slack_s,
        slack_s=slack_s,
    )


def _demand(kind: str, *, harmless: bool) -> Maker:
    """What a venue may rightly do, and a face does on demand."""

    def make(rng: Random, face: str, pair: str) -> Strike:
        return Strike(kind, face, pair, {"kind": kind, "count": 1}, harmless=harmless)

    return make


KINDS: dict[str, Maker] = {
    "drop": _drop,
    "duplicate": _frames("duplicate", "diff", "any", "top", times=(1, 3), counts=(1, 10), harmless=True),
    "reorder": _reorder,
    "delay": _frames("delay", "diff", "any", "top", ms=(50, 3000), jitter_ms=(0, 1000), counts=(1, 20)),
    **{f"garbage {form}": _garbage(form) for form in FORMS},
    "oversized": _oversized,
    "binary": _frames("binary", "diff", "any", harmless=True),
    "fragmented": _frames(
        "fragmented", "diff", "any", pieces=(2, 50), ping=[True, False], counts=(1, 10), harmless=True
    ),
    "silence of a pair": _silence,
    "silence, pings": _silence_all(True),
    "silence, no pings": _silence_all(False),
    "half_open present": _half_open("present"),
    "half_open all": _half_open("all"),
    "cut": _cut,
    "cut reset": _cut_reset,
    "refuse": _refuse("refuse", 0),
    "refuse, status": _refuse("refuse, status", 403, 429, 500, 503),
    "life": _life,
    "shutdown": _shutdown,
    "late": _reply("late", 2, delay_s=(0.2, 3.0)),
    "ancient": _reply("ancient", 2, age_s=(1.0, 40.0)),
    "crossed": _reply("crossed", 2),
    "cached": _reply("cached", None, s=(1.0, 6.0), for_s=(3.0, 8.0)),
    "truncated": _reply("truncated", 2, share=(0.0, 0.99), close=[True, False]),
    "status 429": _reply("status 429", 1, code=429, retry_after_s=(1, 4)),
    "status 418": _reply("status 418", 1, code=418, retry_after_s=(2, 5)),
    "status 451": _reply("status 451", 1, healed_by_cut=True, code=[451, 403]),
    "status 5xx": _reply("status 5xx", 3, code=[500, 502, 503, 504]),
    "html": _reply("html", 2),
    "drip": _reply("drip", 1, bytes=(512, 8192), interval_s=(0.02, 0.1)),
    "endless": _reply("endless", None, bytes_per_s=(200_000, 5_000_000), for_s=(2.0, 5.0)),
    "no_reply": _reply("no_reply", 2, reset=[True, False]),
    "lost": _lost,
    "wrong any": _wrong("any"),
    "wrong best": _wrong("best"),
    "skew": _skew,
    "checksum": _demand("checksum", harmless=False),
    "resnapshot": _demand("resnapshot", harmless=True),
    "restart": _demand("restart", harmless=True),
    "renumber": _demand("renumber", harmless=True),
}
_DEMANDS = ("checksum", "resnapshot", "restart", "renumber")
_REPLIES = tuple(KINDS)[tuple(KINDS).index("late") : tuple(KINDS).index("lost")]


def kinds_of(face: str) -> list[str]:
    """The kinds that can strike there: not faults on REST books where no client asks for one."""
    facts = FACES[face]
    left_out = {*(set(_DEMANDS) - set(facts.demands)), *(() if facts.rest else _REPLIES), *facts.spared}
    return [label for label in KINDS if label not in left_out]
