"""The command line of the server: every option with its help. What the values must be, settings.py says."""

import argparse

from book.fees import DEFAULT_TAKER_FEES, percent
from book.group import DEFAULT_GROUPS
from exchanges import COMMON_OPTIONS, VENUES
from services.options import MAX_LEVELS

VERSION = "0.1.0"

_EXAMPLES = """examples:
  python3 server.py --base_asset BTC --quote_asset USDT
  python3 server.py --pair BTC/USDT --pair ETH/BTC --levels 25 --port 50052
  python3 server.py --exchanges bitstamp --base_asset BTC --quote_asset USD
  python3 server.py --endpoint binance.rest=http://127.0.0.1:18081 --endpoint binance.ws=ws://127.0.0.1:18081
  python3 server.py --pair BTC/USD~ --group USD~=USD,USDT,USDC
  python3 server.py --fee binance=7.5bps --analytic examples.pressure:pressure
  python3 server.py --config onebook.toml

The configuration file takes the long options as keys (pairs = ["BTC/USDT"], levels = 10, ...) and the tables
[endpoints], [hosts], [options], [fees] and [groups] with keys such as "binance.ws" or "USD~"; options on the command
line win.
"""


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
    market.add_argument(
        "--group", action="append", dest="groups", metavar="NAME~=UNIT,QUOTE,...",
        help="quotes that BASE/NAME~ shows as one, told in the first; the others are converted by the books in which "
        f"they are traded against it, QUOTE:par at one to one; repeatable (default: {DEFAULT_GROUPS[0]})",
    )  # fmt: skip
    market.add_argument("--exchanges", metavar=venues, help="the venues to read (default: all that list the pair)")
    market.add_argument("--disabled", metavar="A,B", help="of these, the ones that are switched off (default: none)")
    market.add_argument("--levels", metavar="N", help=f"levels a side, 1 to {MAX_LEVELS} (default: 10)")
    market.add_argument(
        "--dust_amount", "--dust-amount", metavar="X", help="leave out levels of an amount below X (default: 0)"
    )
    market.add_argument(
        "--suspect", metavar="show|exclude",
        help="a venue far from all others for long: only tell of it, or leave its levels out too (default: show)",
    )  # fmt: skip
    market.add_argument("--suspect-bps", metavar="N", help="how far that is, 1 to 10000 (default: 50)")
    market.add_argument("--suspect-s", metavar="S", help="how long that is, 0 to 86400 (default: 10)")
    market.add_argument(
        "--routed", metavar="exclude|show",
        help="a book whose orders another venue matches: leave it out while that one is merged (default: exclude)",
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
    grpc.add_argument(
        "--max-messages-per-client", metavar="N",
        help="a second, on all streams of one connection; the surplus is conflated (default: 10000)",
    )  # fmt: skip
    grpc.add_argument(
        "--control", choices=("auto", "on", "off"),
        help="take calls that add pairs, switch venues and reload; auto: if --host is this machine (default: auto)",
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
        "--option", action="append", dest="options", metavar="VENUE.KEY=VALUE", help="; ".join(known_options())
    )
    connect.add_argument(
        "--catalog-s", metavar="S",
        help="read the venues' lists of pairs again so often, 10 to 86400; 0: never by itself (default: 3600)",
    )  # fmt: skip
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
    p.add_argument("--config", metavar="FILE.toml", help="read all of these from a file; SIGHUP reads it again")
    p.add_argument("--log-level", metavar="debug|info|warning|error", help="(default: info)")
    p.add_argument("--log-format", metavar="text|json", help="(default: text)")
    p.add_argument("--version", action="version", version=f"onebook {VERSION}")
    return p


def known_options() -> list[str]:
    """What --option takes."""
    own = [(f"{name}.{key}", values) for name, venue in VENUES.items() for key, values in venue.options.items()]
    common = [(f"VENUE.{key}", values) for key, values in COMMON_OPTIONS.items()]
    return [f"{key}={'|'.join(values)}" for key, values in (*own, *common)]
