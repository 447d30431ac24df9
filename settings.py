"""What the operator asks of the server: command line over configuration file over defaults, checked."""

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from book import BadPair, Pair
from book.fees import DEFAULT_TAKER_FEES, BadFee, Fees, fees_of, percent
from exchanges import COMMON_OPTIONS, VENUES, Address, BadEndpoint
from services.options import MAX_FLOOR_MS, MAX_LEVELS

VERSION = "0.1.0"

_EXAMPLES = """examples:
  python3 server.py --base_asset BTC --quote_asset USDT
  python3 server.py --pair BTC/USDT --pair ETH/BTC --levels 25 --port 50052
  python3 server.py --exchanges bitstamp --base_asset BTC --quote_asset USD
  python3 server.py --endpoint binance.rest=http://127.0.0.1:18081 --endpoint binance.ws=ws://127.0.0.1:18081
  python3 server.py --fee binance=7.5bps --analytic examples.pressure:pressure
  python3 server.py --config onebook.toml

The configuration file takes the long options as keys (pairs = ["BTC/USDT"], levels = 10, ...) and the tables
[endpoints], [hosts], [options] and [fees] with keys such as "binance.ws"; options on the command line win.
"""

_TABLES = ("endpoints", "hosts", "options", "fees")


class UsageError(Exception):
    """The arguments or the configuration file cannot be right; exit code 2."""


@dataclass(slots=True)
class Settings:
    """What the operator asks for."""

    base_asset: str | None = None
    quote_asset: str | None = None
    pairs: list[str] = field(default_factory=list)
    exchanges: list[str] = field(default_factory=lambda: list(VENUES))
    levels: int = 10
    dust_amount: str = "0"
    suspect: str = "show"
    host: str = "127.0.0.1"
    port: int = 50052
    max_streams: int = 2000
    on_demand: str = "on"
    max_pairs: int = 500
    linger_s: int = 60
    max_streams_per_client: int = 1500
    max_pairs_per_client: int = 200
    max_view_levels: int = 50_000
    min_interval_ms: int = 0
    endpoints: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    fees: dict[str, str] = field(default_factory=dict)
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


def parser() -> argparse.ArgumentParser:
    """The command line. Defaults stand in Settings, so that a configuration file can come in between."""
    venues = ",".join(VENUES)
    p = argparse.ArgumentParser(
        prog="server.py",
        description="Merges the live order books of many venues into one and streams it over gRPC.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    market = p.add_argument_group("market")
    market.add_argument("--base_asset", "--base-asset", metavar="BTC", help="base of the default pair (default: BTC)")
    market.add_argument("--quote_asset", "--quote-asset", metavar="USDT", help="its quote (default: USDT)")
    market.add_argument("--pair", action="append", dest="pairs", metavar="ETH/BTC", help="a further pair; repeatable")
    market.add_argument(
        "--on-demand", choices=("on", "off"),
        help="also carry pairs that only a client names, while it watches (default: on)",
    )  # fmt: skip
    market.add_argument("--max-pairs", metavar="N", help="carried at the same time (default: 500)")
    market.add_argument(
        "--linger-s", metavar="S", help="how long a pair that nobody watches any more is kept (default: 60)"
    )
    market.add_argument("--exchanges", metavar=venues, help="the venues to read (default: all that list the pair)")
    market.add_argument("--levels", metavar="N", help=f"levels a side, 1 to {MAX_LEVELS} (default: 10)")
    market.add_argument(
        "--dust_amount", "--dust-amount", metavar="X", help="leave out levels of an amount below X (default: 0)"
    )
    market.add_argument(
        "--suspect", metavar="show|exclude",
        help="a venue far from all others for long: only tell of it, or leave its levels out too (default: show)",
    )  # fmt: skip
    grpc = p.add_argument_group("gRPC")
    grpc.add_argument("--host", metavar="H", help="address to listen on (default: 127.0.0.1, this machine only)")
    grpc.add_argument("--port", metavar="P", help="port to listen on, 0 for any free one (default: 50052)")
    grpc.add_argument("--max-streams", metavar="N", help="streams at the same time (default: 2000)")
    grpc.add_argument("--max-streams-per-client", metavar="N", help="on one connection (default: 1500)")
    grpc.add_argument("--max-pairs-per-client", metavar="N", help="watched by one connection (default: 200)")
    grpc.add_argument(
        "--max-view-levels", metavar="N",
        help="levels a side of all different views together, and again of all deep ones (default: 50000)",
    )  # fmt: skip
    grpc.add_argument(
        "--min-interval-ms", metavar="MS",
        help="between two messages of any stream, 0 to 1000, also where its client asks for less (default: 0)",
    )  # fmt: skip
    grpc.add_argument("--tls-cert", metavar="FILE", help="PEM certificate: serve TLS")
    grpc.add_argument("--tls-key", metavar="FILE", help="its PEM key")
    grpc.add_argument("--tls-client-ca", metavar="FILE", help="let in only clients with a certificate of this CA")
    connect = p.add_argument_group("venues")
    connect.add_argument(
        "--endpoint", action="append", dest="endpoints", metavar="VENUE.rest|ws=URL",
        help="another address of a venue, its own paths are appended; repeatable",
    )  # fmt: skip
    names = "; ".join(f"{name}: {', '.join(venue.hosts)}" for name, venue in VENUES.items())
    connect.add_argument("--hosts", action="append", metavar="VENUE=NAME", help=f"another set of hosts ({names})")
    connect.add_argument(
        "--option", action="append", dest="options", metavar="VENUE.KEY=VALUE", help="; ".join(_known_options())
    )
    connect.add_argument("--ca", metavar="FILE", help="PEM file of the roots that venues' certificates are held to")
    figures = p.add_argument_group("analytics")
    known_fees = ", ".join(f"{name} {percent(fee)}" for name, fee in DEFAULT_TAKER_FEES.items())
    figures.add_argument(
        "--fee", action="append", dest="fees", metavar="VENUE=0.1%",
        help=f"what a venue charges takers, in %% or bps; repeatable (defaults: {known_fees.replace('%', '%%')})",
    )  # fmt: skip
    figures.add_argument(
        "--analytic", action="append", dest="analytics", metavar="[NAME=]MODULE:FUNCTION",
        help="an analytic of your own, beside those of installed packages; repeatable",
    )  # fmt: skip
    p.add_argument("--config", metavar="FILE.toml", help="read all of these from a file")
    p.add_argument("--log-level", metavar="debug|info|warning|error", help="(default: info)")
    p.add_argument("--log-format", metavar="text|json", help="(default: text)")
    p.add_argument("--version", action="version", version=f"onebook {VERSION}")
    return p


def read_settings(argv: Sequence[str] | None) -> Settings:
    """Command line over configuration file over defaults; raises UsageError naming the value that is wrong."""
    told = vars(parser().parse_args(argv))
    for key in _TABLES:
        if key in told:
            told[key] = dict(_assignment(key, text) for text in told[key])
    config = _read_config(told.pop("config", None))
    merged: dict[str, Any] = {**config, **told}
    for key in _TABLES:
        merged[key] = {**config.get(key, {}), **told.get(key, {})}
    settings = Settings(**merged)
    _check(settings)
    return settings


def _assignment(key: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise UsageError(f"--{key.removesuffix('s')} {text!r}: write it as NAME=VALUE")
    return name, value


def _read_config(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        config = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path}: no TOML: {error}") from error
    known = {each.name for each in fields(Settings)}
    for key in config:
        if key not in known:
            raise UsageError(f"--config {path}: unknown key {key!r}; known are {', '.join(sorted(known))}")
    for key in _TABLES:
        table = config.get(key, {})
        if not isinstance(table, dict):
            raise UsageError(f"--config {path}: {key} must be a table")
        config[key] = _flat(table)
    return config


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
    if isinstance(settings.exchanges, str):
        settings.exchanges = [name.strip().lower() for name in settings.exchanges.split(",") if name.strip()]
    for name in settings.exchanges:
        if name not in VENUES:
            raise UsageError(f"unknown exchange {name!r}; known are {', '.join(VENUES)}")
    if not settings.exchanges:
        raise UsageError(f"no exchange given; known are {', '.join(VENUES)}")
    settings.levels = _integer("levels", settings.levels, 1, MAX_LEVELS)
    settings.port = _integer("port", settings.port, 0, 65535)
    settings.max_pairs = _integer("max-pairs", settings.max_pairs, 1, 100_000)
    settings.linger_s = _integer("linger-s", settings.linger_s, 0, 86_400)
    settings.max_streams = _integer("max-streams", settings.max_streams, 1, 100_000)
    for name in ("max_streams_per_client", "max_pairs_per_client"):
        setattr(settings, name, _integer(name.replace("_", "-"), getattr(settings, name), 1, 100_000))
    settings.max_view_levels = _integer("max-view-levels", settings.max_view_levels, MAX_LEVELS, 100_000_000)
    settings.min_interval_ms = _integer("min-interval-ms", settings.min_interval_ms, 0, MAX_FLOOR_MS)
    try:
        dust = Decimal(str(settings.dust_amount))
    except InvalidOperation:
        dust = Decimal("NaN")
    if not (dust.is_finite() and dust >= 0):
        raise UsageError(f"--dust_amount {settings.dust_amount}: it must be a decimal of at least 0")
    if isinstance(settings.on_demand, bool):  # as TOML would have it
        settings.on_demand = "on" if settings.on_demand else "off"
    for name, choices in (
        ("log_level", ("debug", "info", "warning", "error")),
        ("log_format", ("text", "json")),
        ("on_demand", ("on", "off")),
        ("suspect", ("show", "exclude")),
    ):
        value = getattr(settings, name)
        if value not in choices:
            raise UsageError(f"--{name.replace('_', '-')} {value!r}: choose from {', '.join(choices)}")
    for name in ("ca", "tls_cert", "tls_key", "tls_client_ca"):
        path = getattr(settings, name)
        if path is not None and not Path(path).is_file():
            raise UsageError(f"--{name.replace('_', '-')} {path}: no such file")
    for key, value in settings.options.items():
        venue, _, option = key.partition(".")
        allowed = {**VENUES[venue].options, **COMMON_OPTIONS}.get(option) if venue in VENUES else None
        if allowed is None or value not in allowed:
            raise UsageError(f"--option {key}={value}: known are {', '.join(_known_options())}")
    fees_told(settings)
    if not isinstance(settings.analytics, list):
        raise UsageError(f"analytics {settings.analytics!r}: it must be a list of [NAME=]MODULE:FUNCTION")
    for name in settings.exchanges:
        address_of(settings, name)
    for key in (*settings.endpoints, *settings.hosts):
        if key.partition(".")[0] not in VENUES:
            raise UsageError(f"{key!r} names no venue; known are {', '.join(VENUES)}")
    for text in settings.wanted:
        if not text.strip().isalnum():  # otherwise both assets written together: the catalogs will tell
            try:
                Pair.parse(text)
            except BadPair as error:
                raise UsageError(str(error)) from error


def _known_options() -> list[str]:
    """What --option takes."""
    own = [(f"{name}.{key}", values) for name, venue in VENUES.items() for key, values in venue.options.items()]
    common = [(f"VENUE.{key}", values) for key, values in COMMON_OPTIONS.items()]
    return [f"{key}={'|'.join(values)}" for key, values in (*own, *common)]


def _integer(name: str, value: object, low: int, high: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise UsageError(f"--{name} {value}: it must be a whole number from {low} to {high}")
    return number


def fees_told(settings: Settings) -> Fees:
    """The taker fees that hold: the defaults, and over them --fee; raises UsageError."""
    for name in settings.fees:
        if name not in VENUES:
            raise UsageError(f"--fee {name}: no such venue; known are {', '.join(VENUES)}")
    try:
        return fees_of(settings.fees)
    except BadFee as error:
        raise UsageError(f"--fee {error}") from error


def address_of(settings: Settings, name: str) -> Address:
    """Where the venue answers, after --hosts and --endpoint; raises UsageError."""
    venue = VENUES[name]
    host = settings.hosts.get(name, "default")
    if host not in venue.hosts:
        raise UsageError(f"--hosts {name}={host}: {name} knows {', '.join(venue.hosts)}")
    address = venue.hosts[host]
    for key, url in settings.endpoints.items():
        owner, _, kind = key.partition(".")
        if owner == name:
            try:
                address = address.with_endpoint(kind, url)
            except BadEndpoint as error:
                raise UsageError(f"--endpoint {key}={url}: {error}") from error
    return address
