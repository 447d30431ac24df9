#!/usr/bin/env python3
"""The client: a dashboard on a terminal, plain lines for scripts. Thin: arguments and wiring."""

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# gRPC's core would write its own lines into the picture: Textual draws through standard error.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from dashboard.config import ConfigFile, default_path
from dashboard.options import Glyphs
from dashboard.settings import COLORS, BadSetting, Settings, checked, server_of
from dashboard.stream import Target
from proto import orderbook_pb2 as pb
from reaching import add_encryption, check_encryption, names, port, whole

EXAMPLES = """\
On a terminal it draws the merged book; ? shows the keys. Into a pipe or a file it prints.

formats:
  table   the ladder of each update: `price : amount [venue]`, asks above bids, then an empty line
  jsonl   one JSON object an update with everything: bids and asks as [price, amount, venue], spread,
          venues with state, reason, age and counters, clocks. Numbers of the market are decimal strings.
          --analytics adds "analytics": a list of name, part, value (null: not defined), unit, reason, complete
  csv     a header, then one line a side, price and venue; `level` counts prices from the best

examples:
  client.py                                        draw the server's default pair
  client.py --symbol ETH/BTC --theme cvd           another pair, colours for the colour-blind
  client.py --format jsonl --count 1               one book, then leave
  client.py --format jsonl | jq -r '[.pair, .spread] | @tsv'
  client.py --format jsonl --analytics mid,cost:buy:1.5 | jq -c .analytics
  client.py --format csv --levels 5 > book.csv     until Ctrl-C
  client.py --host book.example.org --tls --ca ca.pem
  client.py --web                                  the dashboard in a browser, at http://127.0.0.1:8000

trades (--trades): one line each, oldest first; `table` is for the eye, `jsonl` has an object with
`type` trade, gap (trades that the server did not see, or may not have seen) or missed (this client was
too slow), `csv` has a column for each of their fields.
  client.py --trades                               every trade from now on
  client.py --trades --recent 100 --count 100      the newest that the server remembers
  client.py --trades --format jsonl | jq -r 'select(.type == "trade") | [.venue, .price, .amount] | @tsv'
  client.py --trades --venues binance --format csv > trades.csv

exit codes: 0 done, stopped by a signal, or the reader closed the pipe; 1 no book came, or the server
refuses; 2 wrong arguments. Scripts connect again by themselves once they have had a book."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="client.py",
        description="The merged live order book of a running server.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    server = made.add_argument_group("the server")
    server.add_argument("--server", metavar="HOST:PORT", help="default 127.0.0.1:50052")
    server.add_argument("--host", help="default 127.0.0.1")
    server.add_argument("--port", type=port, help="default 50052")
    add_encryption(server)
    book = made.add_argument_group("the book")
    book.add_argument("--symbol", metavar="PAIR", help="ETH/BTC, eth-btc, BTC/USD~, ... (default: the server's)")
    book.add_argument("--levels", type=_levels, default=0, metavar="N", help="prices a side, 1 to 5000")
    book.add_argument(
        "--venues", type=names("--venues binance,bitstamp"), default=(), metavar="A,B", help="only these venues"
    )
    book.add_argument("--net", action="store_true", help="prices with the venues' taker fees in them")
    lines = made.add_argument_group("lines for scripts")
    lines.add_argument("--format", choices=("table", "jsonl", "csv"), help="print instead of drawing")
    lines.add_argument("--plain", action="store_true", help="the same as --format table")
    lines.add_argument("--count", type=_count, default=0, metavar="N", help="leave after N updates, or trades")
    lines.add_argument(
        "--timeout",
        type=_seconds,
        default=10.0,
        metavar="S",
        help="leave with 1 when no book comes; 0 waits (default 10)",
    )
    lines.add_argument(
        "--heartbeats", action="store_true", help="print the book once a second when nothing changed too"
    )
    lines.add_argument(
        "--analytics",
        type=names("--analytics mid,imbalance:5"),
        default=(),
        metavar="A,B",
        help="figures of the book in jsonl, such as mid,imbalance:5,depth_bps:25,cost:buy:1.5",
    )
    lines.add_argument("--trades", action="store_true", help="print the trades of the venues instead of the book")
    lines.add_argument(
        "--recent", type=_recent, default=0, metavar="N", help="begin with the newest N trades, up to 1000"
    )
    drawing = made.add_argument_group("the dashboard", "each is a setting of the file too; ; shows and keeps them")
    drawing.add_argument(
        "--config", type=Path, metavar="FILE", help="settings (default ~/.config/onebook/config.toml)"
    )
    drawing.add_argument("--theme", help="dark, light, cvd, cvd-light, mono or one of Textual's; NO_COLOR means mono")
    drawing.add_argument("--swap", action="store_const", const=True, help="bids and asks exchange their colours")
    drawing.add_argument("--color", choices=COLORS, help="colours that the terminal has (default auto)")
    drawing.add_argument(
        "--glyphs", choices=tuple(map(str, Glyphs)), help="what bars and charts are made of (default block)"
    )
    drawing.add_argument("--fps", type=_fps, metavar="N", help="at most N pictures a second, 1 to 60 (default 20)")
    drawing.add_argument("--no-mouse", action="store_true", help="leave clicks and selection to the terminal")
    drawing.add_argument("--screenshot", type=Path, metavar="FILE", help="a picture on leaving: FILE.svg or FILE.png")
    drawing.add_argument("--screenshot-dir", metavar="FOLDER", help="where the key P puts pictures (default here)")
    drawing.add_argument("--exit-after", type=_seconds, metavar="S", help="leave after S seconds")
    drawing.add_argument(
        "--web",
        type=_page,
        nargs="?",
        const=("127.0.0.1", 8000),
        metavar="[HOST:]PORT",
        help="serve the dashboard to browsers instead, a program a tab (default 127.0.0.1:8000; "
        "needs requirements-web.txt)",
    )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the client; the process's exit code."""
    made = parser()
    arguments = sys.argv[1:] if arguments is None else arguments
    options = made.parse_args(arguments)
    check_encryption(made, options)
    options.venues = tuple(map(str.lower, options.venues))
    if options.server and (options.host or options.port):
        made.error("--server is --host and --port in one; give it or them")
    if options.analytics and options.format != "jsonl" and not options.trades:
        made.error("--analytics are printed by --format jsonl")
    if options.web and (options.format or options.plain or options.count or options.screenshot or options.trades):
        made.error("--web shows the dashboard; leave --format, --plain, --count, --screenshot and --trades out")
    draws = drawable() or options.screenshot is not None or options.web is not None
    form = options.format or ("table" if options.plain or options.count or not draws or options.trades else None)
    if options.recent and not options.trades:
        made.error("--recent is of --trades")
    try:
        # A script gets what its command line says; the file is the dashboard's.
        settings = chosen(options) if form is None or options.config else given(options, Settings())
        target = target_of(options, settings.server)
        if options.web and not served():
            from dashboard.wardrobe import look_for

            look_for(settings, plain=False, few=False)
            return serve_page(arguments, options.web)
    except BadSetting as error:
        made.error(str(error))
    if options.trades:
        return _print_trades(made, options, target, settings.symbol)
    request = pb.BookRequest(
        pair=settings.symbol,
        levels=options.levels,
        venues=options.venues,
        net_of_fees=options.net,
        analytics=options.analytics,
    )
    # Imported where used: a script does not wait for Textual, the dashboard not for the formats.
    if form is not None:
        from dashboard.printing import Wish, print_stream

        return print_stream(target, request, Wish(form, options.count, options.timeout, options.heartbeats))
    if settings.color not in ("auto", "none"):
        os.environ["TEXTUAL_COLOR_SYSTEM"] = {"16": "standard"}.get(settings.color, settings.color)
    gc.disable()  # what is imported stays, and looking through it would be a fifth of the start; run() enables it
    from dashboard.running import Errand, run

    errand = Errand(options.screenshot, options.exit_after, headless=not drawable())
    try:
        return run(target, request, settings, ConfigFile(options.config or default_path()), errand)
    except BadSetting as error:
        made.error(str(error))


def _print_trades(made: argparse.ArgumentParser, options: argparse.Namespace, target: Target, pair: str) -> int:
    """Trades instead of books; the process's exit code."""
    for flag in ("levels", "net", "analytics", "heartbeats"):
        if getattr(options, flag):
            made.error(f"--{flag} is of books, not of --trades")
    from dashboard.printing import Wish
    from dashboard.trade_printing import print_trades

    wanted = pb.TradesRequest(pairs=[pair] if pair else [], venues=options.venues, recent=options.recent)
    return print_trades(target, wanted, Wish(options.format or "table", options.count, options.timeout, False))


def serve_page(arguments: Sequence[str], address: tuple[str, int]) -> int:
    """Serves this program, with the same arguments, to browsers; the process's exit code."""
    try:
        from dashboard.web import Address, CannotServe, run
    except ModuleNotFoundError as error:
        print(
            f"client.py: --web needs {error.name}, which is not installed: pip install -r requirements-web.txt",
            file=sys.stderr,
        )
        return 1
    try:
        return run([sys.executable, str(Path(__file__).resolve()), *arguments], Address(*address))
    except CannotServe as error:
        print(f"client.py: {error}", file=sys.stderr)
        return 1


def chosen(options: argparse.Namespace) -> Settings:
    """Command line over file over defaults. Raises BadSetting."""
    path = options.config or default_path()
    return given(options, ConfigFile(path).read(must_exist=options.config is not None))


def given(options: argparse.Namespace, base: Settings) -> Settings:
    """The settings with what the command line says. Raises BadSetting."""
    names = ("symbol", "theme", "swap", "color", "glyphs", "fps", "screenshot_dir", "server")
    found = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.levels:
        found["depth"] = options.levels
    if options.no_mouse:
        found["mouse"] = False
    host, port = server_of(base.server)
    if options.host or options.port:
        host = options.host or host
        found["server"] = f"{f'[{host}]' if ':' in host else host}:{options.port or port}"
    return checked(found, "command line", base)


def target_of(options: argparse.Namespace, server: str) -> Target:
    """Where the server is, and how it is spoken to."""
    host, port = server_of(server)
    return Target(
        host,
        port,
        tls=bool(options.tls or options.ca or options.cert),
        root=options.ca,
        cert=options.cert,
        key=options.key,
    )


def served() -> bool:
    """Whether this is the program of a browser tab, which is drawn through a pipe."""
    return os.environ.get("TEXTUAL_DRIVER") == "dashboard.tab:TabDriver"


def drawable() -> bool:
    """Whether there is a terminal that can be drawn on; Textual draws through standard error."""
    return served() or (
        os.environ.get("TERM") != "dumb"
        and all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.__stderr__))
    )


def _page(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not PORT nor HOST:PORT, with a port from 0 (a free one) to 65535"
        )
    return host.strip("[]") or "127.0.0.1", int(port)


def _levels(text: str) -> int:
    return whole(text, 1, 5_000)


def _recent(text: str) -> int:
    return whole(text, 1, 1_000)


def _count(text: str) -> int:
    return whole(text, 1, 2**63)


def _seconds(text: str) -> float:
    return _number(text, 0, 86_400)


def _fps(text: str) -> float:
    return _number(text, 1, 60)


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:  # also refuses nan
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low:g} to {high:g}")
    return value


if __name__ == "__main__":
    sys.exit(main())
