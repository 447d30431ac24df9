"""What the operator asks of the server: command line over configuration file over defaults, checked."""

import ipaddress
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from arguments import known_options, parser
from book import BadPair, Pair, Policy, Rule
from book.fees import BadFee, Fees, fees_of
from book.group import BadGroup, Group, groups_of
from book.pair import GROUP_MARK
from exchanges import COMMON_OPTIONS, VENUES, Address, BadEndpoint
from services.options import MAX_FLOOR_MS, MAX_LEVELS

_TABLES = ("endpoints", "hosts", "options", "fees", "groups")
_RANGES = {
    "levels": (1, MAX_LEVELS),
    "port": (0, 65535),
    "max_pairs": (1, 100_000),
    "linger_s": (0, 86_400),
    "max_streams": (1, 100_000),
    "max_streams_per_client": (1, 100_000),
    "max_pairs_per_client": (1, 100_000),
    "max_messages_per_client": (10, 10_000_000),
    "max_view_levels": (MAX_LEVELS, 100_000_000),
    "min_interval_ms": (0, MAX_FLOOR_MS),
    "catalog_s": (0, 86_400),
}
_CHOICES = {
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("text", "json"),
    "on_demand": ("on", "off"),
    "suspect": ("show", "exclude"),
    "routed": ("exclude", "show"),
    "control": ("auto", "on", "off"),
}
_LEAST_CATALOG_S = 10  # between two readings of a venue's list of pairs


class UsageError(Exception):
    """The arguments or the configuration file cannot be right; exit code 2.

    `key`: which setting is wrong, as a path into the file; empty: no single one.
    """

    def __init__(self, message: str, key: str = "") -> None:
        self.key = key
        super().__init__(message)


@dataclass(slots=True)
class Settings:
    """What the operator asks for."""

    base_asset: str | None = None
    quote_asset: str | None = None
    pairs: list[str] = field(default_factory=list)
    exchanges: list[str] = field(default_factory=lambda: list(VENUES))
    disabled: list[str] = field(default_factory=list)
    levels: int = 10
    dust_amount: str = "0"
    suspect: str = "show"
    suspect_bps: float = 50.0
    suspect_s: float = 10.0
    routed: str = "exclude"
    host: str = "127.0.0.1"
    port: int = 50052
    max_streams: int = 2000
    on_demand: str = "on"
    max_pairs: int = 500
    linger_s: int = 60
    max_streams_per_client: int = 1500
    max_pairs_per_client: int = 200
    max_messages_per_client: int = 10_000
    max_view_levels: int = 50_000
    min_interval_ms: int = 0
    control: str = "auto"
    catalog_s: int = 3600
    endpoints: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    fees: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    analytics: list[str] = field(default_factory=list)
    ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    log_level: str = "info"
    log_format: str = "text"

    @property
    def wanted(self) -> list[str]:
        """The pairs as written; the first is the server's default."""
        first = []
        if self.base_asset or self.quote_asset or not self.pairs:
            first = [f"{self.base_asset or 'BTC'}/{self.quote_asset or 'USDT'}"]
        return list(dict.fromkeys([*first, *self.pairs]))

    @property
    def policy(self) -> Policy:
        """What is merged of the live books."""
        rule = Rule(self.suspect_bps, round(self.suspect_s * 1e9))
        return Policy(rule, self.suspect == "exclude", self.routed == "exclude")

    @property
    def control_off(self) -> str:
        """Why no calls of Control are taken; empty: they are."""
        if self.control == "off":
            return "--control off"
        if self.control == "on" or _is_this_machine(self.host):
            return ""
        return f"it listens beyond this machine (--host {self.host}); --control on takes such calls all the same"


def read_settings(argv: Sequence[str] | None) -> Settings:
    """Command line over configuration file over defaults; raises UsageError naming the value that is wrong."""
    told = vars(parser().parse_args(argv))
    for key in _TABLES:
        if key in told:
            told[key] = dict(_assignment(key, text) for text in told[key])
    path = told.pop("config", None)
    text = _text_of(path)
    try:
        config = _read_config(text, path)
        merged: dict[str, Any] = {**config, **told}
        for key in _TABLES:
            merged[key] = {**config.get(key, {}), **told.get(key, {})}
        settings = Settings(**merged)
        _check(settings)
    except UsageError as error:
        of_the_file = error.key.partition(".")[0] not in told and (line := _line_of(text, error.key))
        if not of_the_file:
            raise
        raise UsageError(f"--config {path}, line {line}: {error}", error.key) from error
    return settings


def _assignment(key: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise UsageError(f"--{key.removesuffix('s')} {text!r}: write it as NAME=VALUE")
    return name, value


def _text_of(path: str | None) -> str:
    if path is None:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--config {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--config {path}: no TOML: {error}") from error


def _read_config(text: str, path: str | None) -> dict[str, Any]:
    try:
        config = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"--config {path}: no TOML: {error}") from error
    known = {each.name for each in fields(Settings)}
    for key in config:
        if key not in known:
            raise UsageError(f"unknown key {key!r}; known are {', '.join(sorted(known))}", key)
    for key in _TABLES:
        table = config.get(key, {})
        if not isinstance(table, dict):
            raise UsageError(f"{key} {table!r}: it must be a table", key)
        config[key] = _flat(table)
    return config


def _line_of(text: str, key: str) -> int:
    """The line of the file that sets `key`; 0: none does."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[([^\]]+)\]", line)
        if header:
            table = f"{_plain(header[1])}."
        if key and _plain(line.partition("=")[0]) in (key.removeprefix(table), f"[{key}]"):
            return number
    return 0


def _plain(name: str) -> str:
    return re.sub(r"[\s\"']", "", name)


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """[endpoints] binance.ws = "..." is a nested table in TOML; here it is one key again."""
    flat: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = str(value)
    return flat


def _check(settings: Settings) -> None:
    """Turns texts into what they mean and refuses what cannot be."""
    _check_kinds(settings)
    for name in ("exchanges", "disabled"):
        found = [each.strip().lower() for each in getattr(settings, name) if each.strip()]
        for venue in found:
            if venue not in VENUES:
                raise UsageError(f"unknown exchange {venue!r}; known are {', '.join(VENUES)}", name)
        setattr(settings, name, list(dict.fromkeys(found)))
    if not settings.exchanges:
        raise UsageError(f"no exchange given; known are {', '.join(VENUES)}", "exchanges")
    for name, (low, high) in _RANGES.items():
        setattr(settings, name, _integer(name, getattr(settings, name), low, high))
    settings.suspect_bps = _number("suspect_bps", settings.suspect_bps, 1, 10_000)
    settings.suspect_s = _number("suspect_s", settings.suspect_s, 0, 86_400)
    if 0 < settings.catalog_s < _LEAST_CATALOG_S:
        raise UsageError(
            f"--catalog-s {settings.catalog_s}: it must be 0, or {_LEAST_CATALOG_S} to 86400", "catalog_s"
        )
    try:
        dust = Decimal(str(settings.dust_amount))
    except InvalidOperation:
        dust = Decimal("NaN")
    if not (dust.is_finite() and dust >= 0):
        raise UsageError(f"--dust_amount {settings.dust_amount}: it must be a decimal of at least 0", "dust_amount")
    for name, choices in _CHOICES.items():
        value = getattr(settings, name)
        if isinstance(value, bool):  # as TOML would have it
            value = "on" if value else "off"
            setattr(settings, name, value)
        if value not in choices:
            raise UsageError(f"--{_dashed(name)} {value!r}: choose from {', '.join(choices)}", name)
    for name in ("ca", "tls_cert", "tls_key", "tls_client_ca"):
        path = getattr(settings, name)
        if path is not None and not Path(path).is_file():
            raise UsageError(f"--{_dashed(name)} {path}: no such file", name)
    _check_tables(settings)
    for text in settings.wanted:
        # Both assets written together are for the catalogs to tell apart.
        if not text.strip().removesuffix(GROUP_MARK).isalnum():
            try:
                Pair.parse(text)
            except BadPair as error:
                raise UsageError(str(error), "pairs") from error


def _check_kinds(settings: Settings) -> None:
    """A file may give anything for anything."""
    for name in ("exchanges", "disabled"):
        value = getattr(settings, name)
        if isinstance(value, str):
            setattr(settings, name, value.split(","))
    for name, of_what in (
        ("pairs", 'pairs such as ["BTC/USDT"]'),
        ("exchanges", 'venues such as ["binance"]'),
        ("disabled", 'venues such as ["binance"]'),
        ("analytics", "[NAME=]MODULE:FUNCTION"),
    ):
        value = getattr(settings, name)
        if not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            raise UsageError(f"{name} {value!r}: it must be a list of {of_what}", name)
    for name in ("base_asset", "quote_asset", "host", "ca", "tls_cert", "tls_key", "tls_client_ca"):
        value = getattr(settings, name)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{name} {value!r}: it must be a text", name)


def _check_tables(settings: Settings) -> None:
    for key, value in settings.options.items():
        venue, _, option = key.partition(".")
        allowed = {**VENUES[venue].options, **COMMON_OPTIONS}.get(option) if venue in VENUES else None
        if allowed is None or value not in allowed:
            raise UsageError(f"--option {key}={value}: known are {', '.join(known_options())}", f"options.{key}")
    fees_told(settings)
    groups_told(settings)
    for name in settings.exchanges:
        address_of(settings, name)
    for table in ("endpoints", "hosts"):
        for key in getattr(settings, table):
            if key.partition(".")[0] not in VENUES:
                raise UsageError(f"{key!r} names no venue; known are {', '.join(VENUES)}", f"{table}.{key}")


def _integer(name: str, value: object, low: int, high: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise UsageError(f"--{_dashed(name)} {value}: it must be a whole number from {low} to {high}", name)
    return number


def _number(name: str, value: object, low: float, high: float) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise UsageError(f"--{_dashed(name)} {value}: it must be a number from {low} to {high}", name)
    return number


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _is_this_machine(host: str) -> bool:
    """Whether what listens there can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def fees_told(settings: Settings) -> Fees:
    """The taker fees that hold: the defaults, and over them --fee; raises UsageError."""
    for name in settings.fees:
        if name not in VENUES:
            raise UsageError(f"--fee {name}: no such venue; known are {', '.join(VENUES)}", f"fees.{name}")
    try:
        return fees_of(settings.fees)
    except BadFee as error:
        raise UsageError(f"--fee {error}", f"fees.{str(error).partition(':')[0]}") from error


def groups_told(settings: Settings) -> tuple[Group, ...]:
    """The groups of quotes that are declared: the default, and over it --group; raises UsageError."""
    try:
        return groups_of(settings.groups)
    except BadGroup as error:
        raise UsageError(f"--group {error}", f"groups.{str(error).partition(' ')[0].rstrip(':')}") from error


def address_of(settings: Settings, name: str) -> Address:
    """Where the venue answers, after --hosts and --endpoint; raises UsageError."""
    venue = VENUES[name]
    host = settings.hosts.get(name, "default")
    if host not in venue.hosts:
        raise UsageError(f"--hosts {name}={host}: {name} knows {', '.join(venue.hosts)}", f"hosts.{name}")
    address = venue.hosts[host]
    for key, url in settings.endpoints.items():
        owner, _, kind = key.partition(".")
        if owner == name:
            try:
                address = address.with_endpoint(kind, url)
            except BadEndpoint as error:
                raise UsageError(f"--endpoint {key}={url}: {error}", f"endpoints.{key}") from error
    return address


def options_of(settings: Settings, name: str) -> dict[str, str]:
    """What the operator chose among the venue's options."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in settings.options.items() if key.startswith(prefix)}
