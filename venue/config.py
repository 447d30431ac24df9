"""The venue's settings and its command line."""

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from venue.catalog import DEFAULT_PAIRS, FIRST_FACES, CatalogError, named_faces, parse_pair
from venue.faces.options import (
    FaceOptions,
    activity,
    add_options,
    count,
    port,
    positive,
    read_options,
    share_or_more,
    whole,
)
from venue.faces.registry import FACES
from venue.faults.parameters import FaultError
from venue.faults.plan import Planned, plan_file, plan_words
from venue.listing import Listing, Pair

Options = TypeVar("Options", bound=FaceOptions)

EPILOG = """\
examples:
  python -m venue
      eight pairs, Binance's dialect on port 18081 and Bitstamp's on 18082
  python -m venue --pair BTC/USDT --pair ETH/BTC@binance --seed 7
      two pairs, the same market again for the same seed
  python -m venue --faces all
      every dialect, on the ports from 18081 on; --print-endpoints tells all addresses
  python -m venue --pair BTC/USD@kraken
      this one beside the first two, which are served unless --faces says otherwise
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
    ports: Mapping[str, int] = field(default_factory=dict)
    faces: tuple[str, ...] = FIRST_FACES
    options: Mapping[str, FaceOptions] = field(default_factory=dict)
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
    send_buffer_kib: int = 4096
    tls_cert: Path | None = None
    tls_key: Path | None = None
    faults: tuple[Planned, ...] = ()
    print_endpoints: bool = False
    log_level: str = "warning"

    def port(self, face: str) -> int:
        """Return the port that was asked for."""
        return self.ports.get(face, FACES[face].port)

    def of(self, face: str) -> FaceOptions:
        """Return a face's options."""
        return self.options.get(face) or FACES[face].options()

    def like(self, kind: type[Options]) -> Options:
        """Return a face's options by their type."""
        found = self.of(kind.name)
        assert isinstance(found, kind)
        return found

    def interval_ms(self, face: str) -> int:
        """Return the interval of a face's book streams."""
        return self.of(face).interval_ms or self.batch_ms


def default_pairs(faces: tuple[str, ...] = FIRST_FACES) -> tuple[Pair, ...]:
    """Return the pairs of a plain start."""
    return tuple(pair for text in DEFAULT_PAIRS if (pair := parse_pair(text, faces)) is not None)


def parse(arguments: list[str]) -> Settings:
    """Read the command line. Ends the program with status 2 and one clear line when it is wrong."""
    parser = _parser()
    chosen = vars(parser.parse_args(arguments))
    options = {name: read_options(chosen, entry.options) for name, entry in FACES.items()}
    if (chosen["tls_cert"] is None) != (chosen["tls_key"] is None):
        parser.error("--tls-cert and --tls-key belong together")
    names: list[str] = chosen.pop("pair") or []
    faces = _faces(parser, chosen.pop("faces"), names)
    pairs = _pairs(parser, names or list(DEFAULT_PAIRS), faces)
    free = chosen.pop("free_ports")
    ports = {name: chosen.pop(f"{name}.port") for name in FACES}
    if free:
        ports = {name: number or 0 for name, number in ports.items()}
    texts, scenario = chosen.pop("fault") or [], chosen.pop("scenario")
    listings = _listings(faces, pairs)
    try:
        planned = [plan for text in texts for plan in plan_words(text, listings)]
        planned += plan_file(scenario, listings) if scenario else []
    except FaultError as error:
        parser.error(f"fault {error}")
    return Settings(
        **chosen,
        faces=faces,
        pairs=pairs,
        ports={name: number for name, number in ports.items() if number is not None},
        options=options,
        faults=tuple(planned),
    )


def _faces(parser: argparse.ArgumentParser, asked: str | None, pairs: list[str]) -> tuple[str, ...]:
    """Return the faces to serve: those asked for, or the first two and what pairs name, in the registry's order."""
    wanted: set[str] = set()
    if asked is None:
        wanted.update(FIRST_FACES)
        for text in pairs:
            try:
                wanted.update(named_faces(text))
            except CatalogError as error:
                parser.error(str(error))
    for word in (asked or "").split(",") if asked is not None else ():
        name = word.strip().lower()
        if name == "all":
            wanted.update(FACES)
        elif name in FACES:
            wanted.add(name)
        else:
            parser.error(f"--faces: unknown venue {name!r}; known are all, {', '.join(FACES)}")
    return tuple(name for name in FACES if name in wanted)


def _pairs(parser: argparse.ArgumentParser, names: list[str], faces: tuple[str, ...]) -> tuple[Pair, ...]:
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
    return tuple(pairs.values())


def _listings(faces: tuple[str, ...], pairs: Iterable[Pair]) -> dict[str, list[Listing]]:
    found: dict[str, list[Listing]] = {face: [] for face in faces}
    for pair in pairs:
        for listing in pair.listings:
            found[listing.face].append(listing)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m venue",
        description="An exchange of our own: a live synthetic market behind the dialects of real venues.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _listening(parser.add_argument_group("listening"))
    _market(parser.add_argument_group("market"))
    for entry in FACES.values():
        add_options(parser, entry.options)
    _faults(parser.add_argument_group("faults (docs/venue.md has the kinds; GET /admin/faults on a face lists them)"))
    return parser


def _listening(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add(
        "--faces",
        metavar="VENUE,...",
        help=f"which dialects to serve, of {', '.join(FACES)}, or all "
        f"(default {','.join(FIRST_FACES)}, and those that a --pair names)",
    )
    for name, entry in FACES.items():
        text = f"0 takes a free one (default {entry.port})"
        add(f"--{name}-port", dest=f"{name}.port", type=port, metavar="PORT", help=text)
    add("--free-ports", action="store_true", help="each face without a port of its own takes a free one")
    add(
        "--send-buffer-kib",
        type=count,
        default=4096,
        metavar="KIB",
        help="a client that lets more than this wait is cut (default %(default)s)",
    )
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
    add("--speed", type=positive, default=1.0, help="how much faster the market runs (default 1)")
    add("--volatility", type=share_or_more, default=1.0, help="multiplies the moves of the fair value (default 1)")
    add(
        "--activity",
        type=activity,
        default=1.0,
        metavar="X",
        help="multiplies the arrivals of orders, for many pairs at once or a busier market (default 1)",
    )
    add("--flow", default="synthetic", choices=("synthetic", "steady"), help="default %(default)s")
    add("--rate", type=positive, default=10.0, help="steady flow: frames a second per stream (default 10)")
    add("--levels", type=count, default=20, help="steady flow: changed levels per frame (default 20)")
    add("--deep-levels", type=whole, default=1000, metavar="N", help="standing levels a side (default 1000)")
    add(
        "--history",
        type=count,
        default=30_000,
        metavar="N",
        help="updates per symbol that the admin endpoint can go back (default %(default)s)",
    )
    add(
        "--batch-ms",
        type=count,
        default=100,
        metavar="MS",
        help="interval of the diff streams where a face has none of its own (default 100)",
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
