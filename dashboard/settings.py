"""What a person can set: command line over file over defaults, each with its range, kept from run to run.

One table feeds the checks, the settings screen and the file. Nothing here knows Textual.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, NamedTuple

from dashboard.grouping import MOST, step_of
from dashboard.keys import BadKeys, Keys
from dashboard.market import DashboardError
from dashboard.numbers import scaled
from dashboard.options import (
    Bars,
    Comma,
    Flash,
    Glyphs,
    Options,
    Orientation,
    RowModel,
    Scale,
    Totals,
    Unit,
    VenueColumns,
)
from dashboard.rules import BadRule, parse

THEMES = ("dark", "light", "cvd", "cvd-light", "mono")  # our own; every theme of Textual has its own name besides
COLORS = ("auto", "truecolor", "256", "16", "none")
MAX_LEVELS = 5_000
STEPS = tuple(step_of(group) for group in range(MOST + 1))  # ticks that one row may stand for
TABLES = ("group", "colors", "keys")


class BadSetting(DashboardError):
    """A setting cannot be right; the text names it, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Tables are never changed in place."""

    server: str = "127.0.0.1:50052"
    symbol: str = ""
    depth: int = 50  # prices a side that are asked for
    fps: float = 20.0
    theme: str = "dark"
    swap: bool = False
    color: str = "auto"
    glyphs: Glyphs = Glyphs.BLOCK
    mouse: bool = True
    rows: RowModel = RowModel.BOOK
    sides: Orientation = Orientation.STACKED
    totals: Totals = Totals.BOTH
    bars: Bars = Bars.TOTAL
    scale: Scale = Scale.BOOK
    bar_full: str = ""
    unit: Unit = Unit.BASE
    columns: VenueColumns = VenueColumns.AUTO
    flash: Flash = Flash.BEST
    autocentre: bool = True
    comma: Comma = Comma.COMMA
    fold_zeros: bool = False
    dim_prefix: bool = False
    large: str = ""
    aggregate: bool = True
    least: str = ""
    screenshot_dir: str = "."
    group: Mapping[str, int] = field(default_factory=dict)  # ticks a step, by pair
    colors: Mapping[str, str] = field(default_factory=dict)  # colour, by role
    keys: Mapping[str, str] = field(default_factory=dict)  # keys, by action
    alerts: tuple[str, ...] = ()  # rules
    bell: bool = False

    def options(self, pair: str, muted: frozenset[str] = frozenset(), solo: str = "") -> Options:
        """How the book of a pair is shown. Who is muted is not kept from run to run."""
        return Options(
            group=STEPS.index(self.group.get(pair, 1)),
            depth=self.depth,
            rows=self.rows,
            sides=self.sides,
            totals=self.totals,
            bars=self.bars,
            scale=self.scale,
            bar_full=self.bar_full,
            unit=self.unit,
            venues=self.columns,
            muted=muted,
            solo=solo,
            flash=self.flash,
            autocentre=self.autocentre,
            dim_prefix=self.dim_prefix,
            fold_zeros=self.fold_zeros,
            comma=self.comma,
            glyphs=self.glyphs,
            large=self.large,
        )


class Setting(NamedTuple):
    """One line of the settings screen. `offered`: what its keys go through; `low` and `high`: a number's range.

    `offered` is all that is allowed, unless a range or `free` says that more is.
    """

    name: str
    offered: tuple[Any, ...]
    about: str
    low: float | None = None
    high: float | None = None
    free: bool = False


SETTINGS = (
    Setting("theme", THEMES, "colours; the palette (:) offers Textual's themes too", free=True),
    Setting("swap", (False, True), "bids and asks change their colours, as in East Asia"),
    Setting("glyphs", tuple(Glyphs), "what bars and charts are made of"),
    Setting("color", COLORS, "colours that the terminal has; from the next start on"),
    Setting("fps", (5.0, 10.0, 20.0, 30.0, 60.0), "pictures a second at most", 1, 60),
    Setting("depth", (10, 25, 50, 100), "prices a side that are asked for", 1, MAX_LEVELS),
    Setting("sides", tuple(Orientation), "asks above bids, or bids beside asks"),
    Setting("rows", tuple(RowModel), "a row a level, or a row a price step"),
    Setting("totals", tuple(Totals), "amounts of the level, from the best price outwards, or both"),
    Setting("bars", tuple(Bars), "what the bars behind the numbers tell"),
    Setting("scale", tuple(Scale), "what the longest bar stands for"),
    Setting("bar_full", (), "a full bar of the fixed scale, in base; empty: the most that was seen", free=True),
    Setting("unit", tuple(Unit), "the asset that sizes and totals count"),
    Setting("columns", tuple(VenueColumns), "who stands at a price"),
    Setting("flash", tuple(Flash), "changes that light up for a moment"),
    Setting("large", (), "sizes from here on are marked, in base; empty: none is", free=True),
    Setting("aggregate", (True, False), "trades that one order made at once are one line"),
    Setting("least", (), "smaller trades are left out, in base; empty: none is", free=True),
    Setting("autocentre", (True, False), "the price axis follows the market"),
    Setting("comma", tuple(Comma), "what stands between thousands"),
    Setting("fold_zeros", (False, True), "0.00007350 as 0.0₄7350"),
    Setting("dim_prefix", (False, True), "digits that the price above has too are quiet"),
    Setting("bell", (False, True), "alarms ring the terminal's bell"),
    Setting("mouse", (True, False), "clicks are ours; from the next start on"),
    Setting("server", (), "where the server listens; from the next start on", free=True),
    Setting("symbol", (), "the pair at the start; empty: the server's default", free=True),
    Setting("screenshot_dir", (), "where pictures go", free=True),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}


def checked(found: Mapping[str, Any], where: str, base: Settings | None = None) -> Settings:
    """`base` with what was found in it. Raises BadSetting that names `where`, the setting, and what is allowed."""
    known = {entry.name for entry in fields(Settings)}
    values: dict[str, Any] = {}
    for name, value in found.items():
        if name not in known:
            raise BadSetting(f"{where}: there is no setting {name!r}; the settings are {', '.join(sorted(known))}")
        check = _table if name in TABLES else _rules if name == "alerts" else _value
        values[name] = check(name, value, where)
    return replace(base or Settings(), **values)


def _value(name: str, value: Any, where: str) -> Any:
    setting = BY_NAME[name]
    kind = type(getattr(Settings(), name))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if issubclass(kind, StrEnum) and value in tuple(kind):
        value = kind(value)
    if type(value) is not kind:
        raise BadSetting(f"{where}: {name} = {value!r} is not {_allowed(setting)}")
    if setting.low is not None and setting.high is not None:
        if not setting.low <= value <= setting.high:
            raise BadSetting(f"{where}: {name} = {value!r} is not {_allowed(setting)}")
    elif not setting.free and value not in setting.offered:
        raise BadSetting(f"{where}: {name} = {value!r} is not {_allowed(setting)}")
    if name == "server":
        server_of(value, where)
    if name in ("bar_full", "large", "least") and value:
        try:
            scaled(value, 0)
        except ValueError as error:
            raise BadSetting(f"{where}: {name}: {error}") from error
    return value


def _allowed(setting: Setting) -> str:
    if setting.low is not None:
        whole = isinstance(setting.offered[0], int)
        return f"a {'whole ' * whole}number from {setting.low:g} to {setting.high:g}"
    if setting.offered and isinstance(setting.offered[0], bool):
        return "true or false"
    if setting.free:
        return "a text in quotes"
    return f"one of {', '.join(setting.offered)}"


def _rules(name: str, value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise BadSetting(f'{where}: {name} is a list of texts, such as ["spread >= 5bp warn"]')
    for text in value:
        try:
            parse(text)
        except BadRule as error:
            raise BadSetting(f"{where}: {error}") from error
    return tuple(value)


def _table(name: str, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise BadSetting(f"{where}: {name} is a table; write it under [{name}]")
    whole = name == "group"
    for key, entry in value.items():
        if whole and (type(entry) is not int or entry not in STEPS):
            raise BadSetting(f"{where}: group.{key} = {entry!r} is not 1, 2, 5, 10, 20, 50 ... {STEPS[-1]} ticks")
        if not whole and not isinstance(entry, str):
            raise BadSetting(f"{where}: {name}.{key} = {entry!r} is not a text in quotes")
    if name == "keys":
        try:
            Keys(value)
        except BadKeys as error:
            raise BadSetting(f"{where}: {error}") from error
    return dict(value)


def server_of(text: str, where: str = "--server") -> tuple[str, int]:
    """Host and port of `host:port`; brackets around an IPv6 address. Raises BadSetting."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or not 1 <= int(port) <= 65_535:
        raise BadSetting(f"{where}: server = {text!r} is not HOST:PORT with a port from 1 to 65535")
    return host.strip("[]"), int(port)


def following(name: str, value: Any, step: int) -> Any:
    """The offered value `step` places after `value`, around the end; the first where it is none of them."""
    offered = BY_NAME[name].offered
    if value not in offered:
        return offered[0]
    return offered[(offered.index(value) + step) % len(offered)]


def written(value: Any) -> str:
    """A value as a person reads and writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, StrEnum):
        return value.value
    return f"{value:g}" if isinstance(value, float) else str(value)


def read(name: str, text: str) -> Any:
    """The value that a person wrote; what is no number stays text, and is then refused by `checked`."""
    default = getattr(Settings(), name)
    text = text.strip()
    if isinstance(default, int | float) and not isinstance(default, bool):
        try:
            return type(default)(text)
        except ValueError:
            return text
    return text
