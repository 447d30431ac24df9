#!/usr/bin/env python3
"""Operates a running server from a shell: pairs, venues, the configuration; or tells how it stands."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs
from reaching import add_encryption, check_encryption, names, port

_TIMEOUT_S = 30.0
_SHOWN = 12  # pairs of a venue that are named

EXAMPLES = """\
Without an option it tells how the server stands: a line for each venue, and one for what its books lack.

examples:
  control.py                                       how it stands
  control.py --disable binance                     its books leave the merged ones at once
  control.py --enable binance
  control.py --add SOL/USDT,ETH/BTC --remove XRP/USDT
  control.py --reload                              the configuration file and all lists of pairs; as kill -HUP
  control.py --host book.example.org --ca ca.pem --cert me.pem --key me.key --disable binance

Several options are carried out in the order add, remove, disable, enable, reload. What is changed so is not written
to the configuration file: it holds until a reload or a restart.

exit codes: 0 done, or so already; 1 something was refused, or the server was not reached; 2 wrong arguments."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="control.py",
        description="Operates a running server.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    server = made.add_argument_group("the server")
    server.add_argument("--host", default="127.0.0.1", help="default %(default)s")
    server.add_argument("--port", type=port, default=50052, help="default %(default)s")
    add_encryption(server)
    wish = made.add_argument_group("what is to be done")
    for name, what, of_what in (
        ("--add", "carry these pairs, whether somebody watches or not", "A/B,C/D"),
        ("--remove", "carry these only as long as somebody watches", "A/B,C/D"),
        ("--disable", "switch these venues off", "A,B"),
        ("--enable", "switch them on", "A,B"),
    ):
        wish.add_argument(name, type=names(f"{name} {of_what}"), default=(), metavar=of_what, help=what)
    wish.add_argument(
        "--reload", action="store_true", help="read the configuration file and the lists of pairs again"
    )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what is asked; the process's exit code."""
    made = parser()
    told = made.parse_args(arguments)
    check_encryption(made, told)
    try:
        with _channel(told) as channel:
            calls = _calls(told, stubs.ControlStub(channel))  # type: ignore[no-untyped-call]
            if not calls:
                return _tell_how_it_stands(channel)
            refused = [_tell(call(request, timeout=_TIMEOUT_S, wait_for_ready=False)) for call, request in calls]
    except grpc.RpcError as error:
        print(f"control.py: {error.code().name}: {error.details()}", file=sys.stderr)
        return 1
    return 1 if any(refused) else 0


def _channel(told: argparse.Namespace) -> grpc.Channel:
    address = f"[{told.host}]:{told.port}" if ":" in told.host else f"{told.host}:{told.port}"
    options = [("grpc.enable_http_proxy", 0)]
    if not (told.tls or told.ca or told.cert):
        return grpc.insecure_channel(address, options)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(told.ca, told.key, told.cert), options)


def _calls(told: argparse.Namespace, stub: stubs.ControlStub) -> list[tuple[Any, object]]:
    wanted = [
        (stub.AddPairs, pb.PairNames(pairs=told.add), told.add),
        (stub.RemovePairs, pb.PairNames(pairs=told.remove), told.remove),
        (stub.DisableVenues, pb.VenueNames(venues=told.disable), told.disable),
        (stub.EnableVenues, pb.VenueNames(venues=told.enable), told.enable),
        (stub.Reload, pb.ReloadRequest(), told.reload),
    ]
    return [(call, request) for call, request, wished in wanted if wished]


def _tell(changes: pb.Changes) -> bool:
    """Prints what became of each thing; whether something was refused."""
    for mark, found in (("changed", changes.changed), ("as before", changes.unchanged), ("REFUSED", changes.refused)):
        for each in found:
            print(f"{mark:<9}  {each.subject}: {each.what}")
    if changes.changed or changes.refused:
        print(f"({changes.note})")
    return bool(changes.refused)


def _tell_how_it_stands(channel: grpc.Channel) -> int:
    stub = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
    status: pb.Status = next(stub.StreamStatus(pb.StatusRequest(), timeout=_TIMEOUT_S))
    waiting = {each.venue: each.waiting for each in status.budgets}
    venues: dict[str, list[tuple[str, pb.VenueState]]] = {}
    for pair in status.pairs:
        for venue in pair.venues:
            venues.setdefault(venue.venue, []).append((pair.pair, venue))
    print(f"{len(status.pairs)} pairs, {status.streams} streams, version {status.version}")
    for name, books in venues.items():
        able = [each for each in books if each[1].state not in (pb.UNLISTED, pb.DISABLED)]
        lacking = [each for each in able if each[1].state != pb.LIVE]
        disabled = next((book.reason for _, book in books if book.state == pb.DISABLED), "")
        line = disabled or f"{len(able) - len(lacking)}/{len(able)} books live, {books[0][1].connections} connections"
        print(f"{name:<9}  {line}" + (f", {waiting[name]} requests waiting" if waiting.get(name) else ""))
        reasons = Counter((pb.State.Name(book.state).lower(), book.reason) for _, book in lacking)
        for (state, reason), count in reasons.most_common():
            pairs = [pair for pair, book in lacking if book.reason == reason][:_SHOWN]
            more = f" and {count - len(pairs)} more" if count > len(pairs) else ""
            print(f"{'':<9}  {state}: {', '.join(pairs)}{more}: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
