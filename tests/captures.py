"""Real frames of the venues through the unchanged protocol objects.

`python -m tests.captures` prints what was compared in each file. The captures are not part of the project: they
are looked for in ../shared/captures, or where ONEBOOK_CAPTURES says.
"""

import gzip
import os
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from book import Counters, Instrument, Pair, PairBooks, State, VenueBook
from exchanges.actions import Fetch, NetworkAction, Send, Timer
from exchanges.binance import BinanceProtocol
from exchanges.bitstamp import BitstampProtocol
from exchanges.feed import Feed
from exchanges.protocol import Protocol

CAPTURES = Path(os.environ.get("ONEBOOK_CAPTURES", Path(__file__).parents[2] / "shared" / "captures"))

# Each session: its name and its files, all of one connection.
BINANCE = {
    "spot 2021-04-05": ["binance-spot/cryptofeed__BINANCE-b38f7c.0@20210405.gz"],
    "spot 2021-04-17": [
        "binance-spot/cryptofeed__BINANCE.http.0.0@20210417",
        "binance-spot/cryptofeed__BINANCE.ws.1.0@20210417",
    ],
    "spot 2021-08-14": [
        "binance-spot/cryptofeed__BINANCE.http.0.0@20210814",
        "binance-spot/cryptofeed__BINANCE.ws.1.0@20210814",
    ],
    "spot 2023-04-05": ["binance-spot/hftbacktest__spot_btcusdt_20230405.dat.gz"],
    "spot 2024-08-08": [
        "binance-spot/hftbacktest__spot_btcusdt_20240808.gz",
        "binance-spot/hftbacktest__spot_btcusdt_20240809.gz",
    ],
    "US 2021-04-17": [
        "binance-us/cryptofeed__BINANCE_US.http.2.0@20210417",
        "binance-us/cryptofeed__BINANCE_US.ws.3.0@20210417",
    ],
    "US 2021-08-14": [
        "binance-us/cryptofeed__BINANCE_US.http.0.0@20210814",
        "binance-us/cryptofeed__BINANCE_US.ws.1.0@20210814",
    ],
    "TR 2023-04-10": [
        "binance-tr/cryptofeed__BINANCE_TR.http.0.0@20230410",
        "binance-tr/cryptofeed__BINANCE_TR.ws.1.0@20230410",
    ],
}
BITSTAMP = {
    "2021-04-05": ["bitstamp/cryptofeed__BITSTAMP-b88f8b.0@20210405.part-A"],
    "2021-04-17": [
        "bitstamp/cryptofeed__BITSTAMP.http.18.0@20210417",
        "bitstamp/cryptofeed__BITSTAMP.ws.19.0@20210417",
    ],
}


class Line(NamedTuple):
    """One received frame, or one REST answer (`url` is set)."""

    received_ns: int
    body: bytes
    url: str = ""


def read(files: Iterable[str]) -> list[Line]:
    """All lines of a session, in the order of their receipt."""
    lines: list[Line] = []
    for name in files:
        lines += _hftbacktest(name) if "hftbacktest" in name else _cryptofeed(name)
    if len({line.url != "" for line in lines}) > 1 and any(".http." in name for name in files):
        lines.sort(key=lambda line: line.received_ns)
    return lines


def _open(name: str) -> bytes:
    raw = (CAPTURES / name).read_bytes()
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw


def _cryptofeed(name: str) -> Iterator[Line]:
    """`<seconds>: <frame>` for a frame, `<url> -> <seconds>: <body>` for a REST answer; the rest is ours."""
    for line in _open(name).split(b"\n"):
        if match := re.match(rb"(\d+\.\d+): (.*)", line, re.DOTALL):
            yield Line(int(Decimal(match[1].decode()) * 10**9), match[2])
        elif match := re.match(rb"(http\S+) -> (\d+\.\d+): (.*)", line, re.DOTALL):
            yield Line(int(Decimal(match[2].decode()) * 10**9), match[3], match[1].decode())


def _hftbacktest(name: str) -> Iterator[Line]:
    """`<local time> <frame>`; a REST snapshot is a frame with lastUpdateId at its top level."""
    to_ns = 1000 if name.endswith(".dat.gz") else 1
    for line in _open(name).split(b"\n"):
        if line:
            stamp, frame = line.split(b" ", 1)
            url = "?symbol=BTCUSDT" if frame.startswith(b'{"lastUpdateId"') else ""
            yield Line(int(stamp) * to_ns, frame, url)


class Session:
    """Drives a feed through a captured session, answering its fetches with the captured snapshots."""

    def __init__(self, protocol: Protocol) -> None:
        self.books: dict[str, tuple[PairBooks, VenueBook]] = {}
        for instrument in protocol.instruments:
            pair_books = PairBooks(instrument.pair)
            self.books[instrument.symbol] = pair_books, pair_books.add(instrument.venue, instrument)
        self.now_ns = 0
        self.feed = Feed(protocol, self.books, lambda: self.now_ns)
        self._fetches: dict[str, Fetch] = {}
        self._timers: dict[str, Timer] = {}
        self._acknowledge(self.feed.opened())

    def run(self, lines: Iterable[Line]) -> None:
        """All lines in order."""
        for line in lines:
            self.now_ns = line.received_ns
            if line.url:
                self._answer(line)
            else:
                self._note(self.feed.frame(line.body, line.received_ns))

    def _answer(self, line: Line) -> None:
        symbol = next(symbol for symbol in self.books if re.search(rf"[=/]{symbol}\b", line.url))
        if symbol not in self._fetches and symbol in self._timers:
            self._note(self.feed.timeout(self._timers.pop(symbol)))  # no diff has come so far: a quiet pair
        fetch = self._fetches.pop(symbol, None)
        if fetch:
            self._note(self.feed.snapshot(fetch, line.body, line.received_ns))

    def _note(self, actions: list[NetworkAction]) -> None:
        for action in actions:
            if isinstance(action, Fetch):
                self._fetches[action.symbol] = action
            elif isinstance(action, Timer) and action.purpose == "first diff":
                self._timers[action.symbol] = action

    def _acknowledge(self, actions: list[NetworkAction]) -> None:
        for action in actions:
            if isinstance(action, Send):
                sent = msgspec.json.decode(action.text)
                if "id" in sent:
                    reply = {"result": None, "id": sent["id"]}
                else:
                    channel = sent["data"]["channel"]
                    reply = {"event": "bts:subscription_succeeded", "channel": channel, "data": {}}
                self._note(self.feed.frame(msgspec.json.encode(reply), 0))


def total(books: Iterable[VenueBook]) -> Counters:
    """The sums of all books' counters."""
    sums = Counters()
    for book in books:
        for name in sums.__struct_fields__:
            setattr(sums, name, getattr(sums, name) + getattr(book.counters, name))
    return sums


def binance_session(name: str) -> Session:
    """A whole captured session of Binance, run to its end."""
    lines = read(BINANCE[name])
    joined = b"\n".join(line.body[:200] for line in lines)
    symbols = sorted({match.decode().upper() for match in re.findall(rb'"stream":"([^@"]+)@depth', joined)})
    session = Session(BinanceProtocol([_instrument("binance", symbol) for symbol in symbols]))
    if not any(line.url for line in lines):
        # A session without any snapshot: an empty one before the first diff lets the chain of ids be followed.
        session = Session(BinanceProtocol([_instrument("binance", symbol) for symbol in symbols], audit=False))
        first = next(i for i, line in enumerate(lines) if b'"depthUpdate"' in line.body)
        last = msgspec.json.decode(lines[first].body)["data"]["U"] - 1
        body = msgspec.json.encode({"lastUpdateId": last, "bids": [], "asks": []})
        lines = [line for line in lines if b"bookTicker" not in line.body[:40]]
        first = next(i for i, line in enumerate(lines) if b'"depthUpdate"' in line.body)
        lines.insert(first + 1, Line(lines[first].received_ns, body, f"?symbol={symbols[0]}"))
    session.run(lines)
    return session


def bitstamp_session(name: str) -> Session:
    """A whole captured session of Bitstamp, run to its end."""
    lines = read(BITSTAMP[name])
    symbols = sorted({match[1] for line in lines if (match := re.search(r"/order_book/(\w+)", line.url))})
    session = Session(BitstampProtocol([_instrument("bitstamp", symbol) for symbol in symbols]))
    session.run(lines)
    return session


def _instrument(venue: str, symbol: str) -> Instrument:
    """The old catalogs are gone; 8 decimals hold everything that these sessions sent."""
    step = Decimal("0.00000001")
    return Instrument(venue, symbol, Pair(symbol.upper(), "X"), step, step)


def _print_table() -> None:
    print(f"{'session':<26}{'books live':>12}{'updates':>9}{'gaps':>6}{'best quotes compared':>22}{'equal':>8}"
          f"{'crossed':>9}{'unknown removals':>18}")  # fmt: skip
    for venue, sessions, run in (("Binance", BINANCE, binance_session), ("Bitstamp", BITSTAMP, bitstamp_session)):
        for name in sessions:
            books = [book for _, book in run(name).books.values()]
            sums, live = total(books), sum(book.state is State.LIVE for book in books)
            compared = sums.audits_passed + sums.audits_failed
            print(
                f"{venue + ' ' + name:<26}{f'{live} of {len(books)}':>12}{sums.updates:>9}{sums.gaps:>6}"
                f"{compared:>22}{sums.audits_passed:>8}{sums.crossed:>9}{sums.unknown_removals:>18}"
            )


if __name__ == "__main__":
    if not CAPTURES.is_dir():
        raise SystemExit(f"no captures in {CAPTURES}: set ONEBOOK_CAPTURES")
    _print_table()
