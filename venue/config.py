"""The venue's settings and its command line."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from venue.catalog import BINANCE, BITSTAMP, DEFAULT_PAIRS, FACES, CatalogError, Listing, Pair, parse_pair
from venue.faults.parameters import FaultError
from venue.faults.plan import Planned, plan_file, plan_words

EPILOG = """\
examples:
  python -m venue
      six pairs, Binance's dialect on port 18081 and Bitstamp's on 18082
  python -m venue --pair BTC/USDT --pair ETH/BTC@binance --seed 7
      two pairs, the same market again for the same seed
  python -m venue --faces binance --binance-port 0 --print-endpoints
      one face on a free port; the first line of standard output tells where
  python -m venue --pair BTC/USDT --deep-levels 6000 --speed 20
      a book deeper than any snapshot, and twenty times the traffic
  python -m venue --flow steady --rate 1000 --levels 20 --pair BTC/USDT@binance
      exactly 1000 depth frames a second with 20 changed levels each, to measure against
  python -m venue --fault lost,face=binance,symbol=BTC/USDT --fault late,delay_s=3,for_s=60
      one diff that is lost without a trace, and snapshots that come late for a minute
  curl 'http://127.0.0.1:18081/admin/book?symbol=BTCUSDT&levels=5'
      the true book, to compare with what a client believes

venue times are in wall time at any --speed: a faster market has more changes per frame, not more frames.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be chosen. Times in seconds unless the name says otherwise; 0 switches a rule off."""

    pairs: tuple[Pair, ...]
    host: str = "127.0.0.1"
    binance_port: int = 18081
    bitstamp_port: int = 18082
    faces: tuple[str, ...] = FACES
    seed: str = "1"
    speed: float = 1.0
    volatility: float = 1.0
    activity: float = 1.0
    flow: str = "synthetic"
    rate: float = 10.0
    levels: int = 20
    deep_levels: int = 1000
    history: int = 30_000
    batch_ms: int = 100
    binance_ping_s: float = 20.0
    binance_pong_s: float = 60.0
    binance_life_s: float = 86_400.0
    binance_weight: int = 6000
    binance_connects: int = 300
    binance_nested_errors: bool = False
    depth_lag_ms: int = 500
    depth_lead_ms: int = 500
    bitstamp_ping_s: float = 54.0
    bitstamp_pong_s: float = 0.0
    bitstamp_life_s: float = 90 * 86_400.0
    bitstamp_cache_s: float = 1.0
    bitstamp_crossed: float = 0.0
    bitstamp_requests: int = 10_000
    bitstamp_burst: int = 400
    send_buffer_kib: int = 4096
    tls_cert: Path | None = None
    tls_key: Path | None = None
    faults: tuple[Planned, ...] = ()
    print_endpoints: bool = False
    log_level: str = "warning"

    def port(self, face: str) -> int:
        """Return the port that was asked for."""
        return self.binance_port if face == BINANCE else self.bitstamp_port


def default_pairs(faces: tuple[str, ...] = FACES) -> tuple[Pair, ...]:
    """Return the pairs of a plain start."""
    return tuple(pair for text in DEFAULT_PAIRS if (pair := parse_pair(text, faces)) is not None)


def parse(arguments: list[str]) -> Settings:
    """Read the command line. Ends the program with status 2 and one clear line when it is wrong."""
    parser = _parser()
    chosen = vars(parser.parse_args(arguments))
    faces = tuple(dict.fromkeys(name.strip().lower() for name in chosen["faces"].split(",")))
    for face in faces:
        if face not in FACES:
            parser.error(f"--faces: unknown venue {face!r}; known are {', '.join(FACES)}")
    if (chosen["tls_cert"] is None) != (chosen["tls_key"] is None):
        parser.error("--tls-cert and --tls-key belong together")
    names: list[str] = chosen.pop("pair") or list(DEFAULT_PAIRS)
    pairs: dict[str, Pair] = {}
    for text in names:
        try:
            pair = parse_pair(text, faces)
        except CatalogError as error:
            parser.error(str(error))
        if pair is None:
            continue
        if pair.name in pairs:
            parser.error(f"--pair {text}: {pair.name} is given twice")
        pairs[pair.name] = pair
    if not pairs:
        parser.error(f"none of the pairs is listed on {', '.join(faces)}")
    texts, scenario = chosen.pop("fault") or [], chosen.pop("scenario")
    listings = _listings(faces, pairs.values())
    try:
        planned = [plan for text in texts for plan in plan_words(text, listings)]
        planned += plan_file(scenario, listings) if scenario else []
    except FaultError as error:
        parser.error(f"fault {error}")
    return Settings(**{**chosen, "faces": faces, "pairs": tuple(pairs.values()), "faults": tuple(planned)})


def _listings(faces: tuple[str, ...], pairs: Iterable[Pair]) -> dict[str, list[Listing]]:
    found: dict[str, list[Listing]] = {face: [] for face in faces}
    for pair in pairs:
        for listing in pair.listings:
            found[listing.face].append(listing)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m venue",
        description="An exchange of our own: a live synthetic market behind the dialects of Binance and Bitstamp.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _listening(parser.add_argument_group("listening"))
    _market(parser.add_argument_group("market"))
    _rules(parser.add_argument_group("venue rules (0 switches a time limit off)"))
    _faults(parser.add_argument_group("faults (docs/venue.md has the kinds; GET /admin/faults on a face lists them)"))
    return parser


def _listening(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--binance-port", type=_port, default=18081, metavar="PORT", help="0 takes a free one (default %(default)s)")
    add("--bitstamp-port", type=_port, default=18082, metavar="PORT", help="0 takes a free one (default %(default)s)")
    add("--faces", default=",".join(FACES), help="which dialects to serve (default %(default)s)")
    add("--tls-cert", type=Path, metavar="FILE", help="serve https and wss with this certificate chain (PEM)")
    add("--tls-key", type=Path, metavar="FILE", help="the certificate's private key (PEM)")
    add(
        "--print-endpoints",
        action="store_true",
        help="when ready, print one line of JSON with the addresses to standard output",
    )
    add(
        "--log-level",
        default="warning",
        choices=("debug", "info", "warning", "error"),
        help="what to log on standard error (default %(default)s)",
    )


def _market(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--pair",
        action="append",
        metavar="BASE/QUOTE[@VENUE,...]",
        help=f"repeatable; without a venue it is listed on all (default {' '.join(DEFAULT_PAIRS)})",
    )
    add("--seed", default="1", help="any text; the same seed makes the same market (default %(default)s)")
    add("--speed", type=_positive, default=1.0, help="how much faster the market runs (default 1)")
    add("--volatility", type=_share_or_more, default=1.0, help="multiplies the moves of the fair value (default 1)")
    add(
        "--activity",
        type=_activity,
        default=1.0,
        metavar="X",
        help="multiplies the arrivals of orders, for many pairs at once or a busier market (default 1)",
    )
    add("--flow", default="synthetic", choices=("synthetic", "steady"), help="default %(default)s")
    add("--rate", type=_positive, default=10.0, help="steady flow: frames a second per stream (default 10)")
    add("--levels", type=_count, default=20, help="steady flow: changed levels per frame (default 20)")
    add("--deep-levels", type=_whole, default=1000, metavar="N", help="standing levels a side (default 1000)")
    add(
        "--history",
        type=_count,
        default=30_000,
        metavar="N",
        help="updates per symbol that the admin endpoint can go back (default %(default)s)",
    )
    add("--batch-ms", type=_count, default=100, metavar="MS", help="interval of the diff streams (default 100)")


def _rules(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--binance-ping-s", type=_seconds, default=20.0, metavar="S", help="server pings (default 20)")
    add("--binance-pong-s", type=_seconds, default=60.0, metavar="S", help="wait for the pong (default 60)")
    add("--binance-life-s", type=_seconds, default=86_400.0, metavar="S", help="connection age (default 24 h)")
    add("--binance-weight", type=_count, default=6000, metavar="N", help="request weight a minute (default 6000)")
    add("--binance-connects", type=_whole, default=300, metavar="N", help="connects in 5 min (default 300; 0: all)")
    add("--binance-nested-errors", action="store_true", help="spell stream errors nested instead of flat")
    add("--depth-lag-ms", type=_whole, default=500, metavar="MS", help="how old a snapshot may be (default 500)")
    add("--depth-lead-ms", type=_whole, default=500, metavar="MS", help="how far it may lead (default 500)")
    add("--bitstamp-ping-s", type=_seconds, default=54.0, metavar="S", help="server pings (default 54)")
    add("--bitstamp-pong-s", type=_seconds, default=0.0, metavar="S", help="wait for the pong (default: for ever)")
    add("--bitstamp-life-s", type=_seconds, default=90 * 86_400.0, metavar="S", help="connection age (default 90 d)")
    add("--bitstamp-cache-s", type=_seconds, default=1.0, metavar="S", help="edge cache of books (default 1)")
    add(
        "--bitstamp-crossed",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="share of book snapshots that are momentarily crossed, 0 to 1 (default 0)",
    )
    add("--bitstamp-requests", type=_whole, default=10_000, metavar="N", help="in 10 min (default 10000; 0: all)")
    add("--bitstamp-burst", type=_whole, default=400, metavar="N", help="requests a second (default 400; 0: all)")
    add(
        "--send-buffer-kib",
        type=_count,
        default=4096,
        metavar="KIB",
        help="a client that lets more than this wait is cut (default %(default)s)",
    )


def _faults(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--fault",
        action="append",
        metavar="SPEC",
        help="repeatable: KIND,name=value,... such as drop,symbol=BTC/USDT,channel=diff,every=50",
    )
    add("--scenario", type=Path, metavar="FILE", help="faults at their times: TOML, or a JSON object a line")


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text} is not between {low:g} and {high:g}")
    return value


def _integer(text: str, low: int, high: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text} is not between {low} and {high}")
    return value


def _port(text: str) -> int:
    return _integer(text, 0, 65_535)


def _count(text: str) -> int:
    return _integer(text, 1, 10_000_000)


def _whole(text: str) -> int:
    return _integer(text, 0, 1_000_000)


def _seconds(text: str) -> float:
    return _number(text, 0.0, 1e9)


def _positive(text: str) -> float:
    return _number(text, 0.001, 1e5)


def _activity(text: str) -> float:
    return _number(text, 0.01, 100.0)


def _share(text: str) -> float:
    return _number(text, 0.0, 1.0)


def _share_or_more(text: str) -> float:
    return _number(text, 0.0, 1000.0)


__all__ = ["BINANCE", "BITSTAMP", "Settings", "default_pairs", "parse"]
