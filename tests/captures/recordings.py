"""Which recordings there are, and how each is read as one session of its venue.

Some are of an older dialect. They are put into today's without touching a digit of a price, an amount or a checksum;
what each lacked stands where it is done.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial

import msgspec

from book import Instrument, Pair
from exchanges.binance import BinanceProtocol
from exchanges.bitfinex import BitfinexProtocol
from exchanges.bitstamp import BitstampProtocol
from exchanges.bybit import BybitProtocol
from exchanges.coinbase import CoinbaseProtocol
from exchanges.deribit import DeribitProtocol
from exchanges.kraken import KrakenProtocol
from exchanges.okx import OkxProtocol
from tests.captures.files import Line, read
from tests.captures.session import Recording, Session
from tests.exchanges.desk import acknowledgement

QUOTES, CHECKSUMS, LINKS = "best quotes", "checksums", "links"


def recording(venue: str, name: str) -> Recording:
    """One of RECORDINGS, read."""
    return RECORDINGS[venue][name]()


def session(venue: str, name: str) -> Session:
    """The same, run to its end."""
    return Session(recording(venue, name)).run()


def _binance(*files: str) -> Recording:
    """A session without any snapshot: an empty one before the first diff lets the chain of ids be followed."""
    lines = read(files)
    joined = b"\n".join(line.body[:200] for line in lines)
    symbols = sorted({match.decode().upper() for match in re.findall(rb'"stream":"([^@"]+)@depth', joined)})
    listed = _listed("binance", *symbols)
    if any(line.url for line in lines):
        return Recording(lines, lines, listed, BinanceProtocol, QUOTES, reply=_acknowledged)
    raw, lines = lines, [line for line in lines if b"bookTicker" not in line.body[:40]]
    first = next(i for i, line in enumerate(lines) if b'"depthUpdate"' in line.body)
    last = msgspec.json.decode(lines[first].body)["data"]["U"] - 1
    body = msgspec.json.encode({"lastUpdateId": last, "bids": [], "asks": []})
    lines.insert(first + 1, Line(lines[first].received_ns, body, f"?symbol={symbols[0]}"))
    links = frozenset(i for i, line in enumerate(lines) if i > first and b'"depthUpdate"' in line.body)
    make = partial(BinanceProtocol, audit=False)
    return Recording(raw, lines, listed, make, LINKS, links, _acknowledged, whole=False)


def _bitstamp(*files: str) -> Recording:
    """None of these sessions has the books of 100 levels by which diffs are audited."""
    lines = read(files)
    symbols = sorted({match[1] for line in lines if (match := re.search(r"/order_book/(\w+)", line.url))})
    return Recording(lines, lines, _listed("bitstamp", *symbols), BitstampProtocol, "", reply=_acknowledged)


def _coinbase(*files: str) -> Recording:
    """All channels of the connection share the numbers."""
    raw = read(files)
    lines = [line for line in raw if not line.url]
    links = frozenset(range(1, len(lines)))
    return Recording(raw, lines, _coinbase_listed(lines), CoinbaseProtocol, LINKS, links)


def _coinbase_old(*files: str) -> Recording:
    """The older protocol had no numbers, and no time in snapshots: both are made up here."""
    raw = read(files)
    lines = list(_coinbase_present(raw))
    return Recording(raw, lines, _coinbase_listed(lines), CoinbaseProtocol, "")


def _coinbase_listed(lines: list[Line]) -> list[Instrument]:
    books = [line.body for line in lines if b'"l2_data"' in line.body[:40]]
    return _listed("coinbase", *_named(rb'"product_id":"([^"]+)"', books))


def _coinbase_present(lines: list[Line]) -> Iterator[Line]:
    for number, line in enumerate(lines):
        told = msgspec.json.decode(line.body)
        channel, events = "ticker", []
        if told["type"] in ("snapshot", "l2update"):
            channel = "l2_data"
            sides = [("bid", *level) for level in told.get("bids", ())]
            sides += [("offer", *level) for level in told.get("asks", ())]
            sides += [({"buy": "bid", "sell": "offer"}[side], *level) for side, *level in told.get("changes", ())]
            time = told.get("time", "1970-01-01T00:00:00Z")
            kind = "snapshot" if told["type"] == "snapshot" else "update"
            names = ("side", "price_level", "new_quantity")
            updates = [{**dict(zip(names, each, strict=True)), "event_time": time} for each in sides]
            events = [{"type": kind, "product_id": told["product_id"], "updates": updates}]
        envelope = {"channel": channel, "timestamp": told.get("time", "2021-04-17T16:43:37Z"), "sequence_num": number}
        yield Line(line.received_ns, msgspec.json.encode({**envelope, "events": events}))


def _kraken(file: str, symbol: str, tick: str, depth: int) -> Recording:
    """The steps matter: the checksum is over the texts that they make."""
    listed = [Instrument("kraken", symbol, Pair.parse(symbol), Decimal(tick), Decimal("0.00000001"))]
    lines = read([file])
    return Recording(lines, lines, listed, partial(KrakenProtocol, depth=depth), CHECKSUMS)


def _okx(*files: str) -> Recording:
    """They had a true checksum and no ids, and those of 2021 a channel that anybody could have then.

    The venue's time serves as the id: it was alike on all connections too.
    """
    raw = read(files)
    lines = list(_okx_present(raw))
    symbols = _named(rb'"channel":"books","instId":"([^"]+)"', [line.body[:100] for line in lines])
    return Recording(raw, lines, _listed("okx", *symbols), OkxProtocol, CHECKSUMS)


def _okx_present(lines: list[Line]) -> Iterator[Line]:
    before: dict[bytes, bytes] = {}
    for received_ns, body, url in lines:
        pushed = re.match(rb'\{"arg":\{"channel":"books(?:-l2-tbt)?","instId":"([^"]+)"\},"action":"(\w+)"', body)
        if pushed:
            stamp = body[body.rindex(b'"ts":"') + 6 :].split(b'"')[0]
            previous = b"-1" if pushed[2] == b"snapshot" else before[pushed[1]]
            before[pushed[1]] = stamp
            assert body.endswith(b"}]}")
            body = body[:-3] + b',"seqId":%s,"prevSeqId":%s}]}' % (stamp, previous)
            body = body.replace(b'"channel":"books-l2-tbt"', b'"channel":"books"', 1)
        yield Line(received_ns, body, url)


def _bybit(depth: int, *files: str) -> Recording:
    """Perpetual contracts, whose book messages are those of spot. Best quotes alone are all of them snapshots."""
    lines = read(files)
    symbols = _named(rb'"topic":"orderbook\.\d+\.(\w+)"', [line.body[:200] for line in lines])
    links = frozenset(i for i, line in enumerate(lines) if re.search(rb'orderbook.*"type":"delta"', line.body[:200]))
    make = partial(BybitProtocol, depth=depth)
    return Recording(lines, lines, _listed("bybit", *symbols), make, LINKS if links else "", links)


def _deribit(*files: str) -> Recording:
    """Anybody could subscribe to `raw` books in 2021, and the client that was recorded did."""
    raw = read(files)
    lines = [line._replace(body=deribit_present(line.body)) for line in raw]
    links = frozenset(i for i, line in enumerate(lines) if b'"type":"change"' in line.body)
    symbols = _named(rb'"channel":"book\.([^".]+)\.', [line.body for line in lines])
    return Recording(raw, lines, _listed("deribit", *symbols), DeribitProtocol, LINKS, links)


def deribit_present(frame: bytes) -> bytes:
    """A frame of 2021 as it would be today: the channel of its book has another name."""
    return re.sub(rb'"channel":"book\.([^"]+)\.raw"', rb'"channel":"book.\1.100ms"', frame)


def _bitfinex(depth: int, file: str) -> Recording:
    """Nobody asked for times; in the short one, not for numbers either, nor is the answer to its subscription there.

    The time of receipt serves as the venue's.
    """
    raw = read([file])
    lines = list(_bitfinex_present(raw))
    channels = dict(
        re.findall(rb'"channel":"book","chanId":(\d+),"symbol":"([^"]+)"', b"".join(x.body for x in lines))
    )
    checked = any(b'"cs"' in line.body[:20] for line in lines)
    numbered = [i for i, line in enumerate(lines) if line.body[:1] == b"["]
    symbols = sorted(name.decode() for name in channels.values())
    make = partial(BitfinexProtocol, depth=depth)
    links = frozenset() if checked else frozenset(numbered[1:])
    return Recording(raw, lines, _listed("bitfinex", *symbols), make, CHECKSUMS if checked else LINKS, links)


def _bitfinex_present(lines: list[Line]) -> Iterator[Line]:
    numbered = any(line.body.endswith(b",1]") and line.body[:1] == b"[" for line in lines)
    number = 0
    for received_ns, body, url in lines:
        if body[:1] == b"[":
            number += 1
            tail = b"" if numbered else b",%d" % number
            body = body[:-1] + tail + b",%d]" % (received_ns // 10**6 or 1_600_000_000_000 + number)
        elif not numbered:  # its subscription was not recorded
            yield Line(received_ns, b'{"event":"subscribed","channel":"book","chanId":81757,"symbol":"tXRPBTC"}')
        yield Line(received_ns, body, url)


def _named(pattern: bytes, texts: list[bytes]) -> list[str]:
    """Each name once, sorted."""
    return sorted({name.decode() for text in texts for name in re.findall(pattern, text)})


def _listed(venue: str, *symbols: str) -> list[Instrument]:
    """The old catalogs are gone; 9 decimals hold everything that these sessions sent."""
    step = Decimal("0.000000001")
    return [Instrument(venue, each, Pair(each.upper(), "X"), step, step) for each in symbols]


def _acknowledged(sent: str) -> bytes:
    return acknowledgement(msgspec.json.decode(sent))


def _pair(stem: str, date: str, http: str, ws: str) -> tuple[str, str]:
    """The REST answers and the frames of one session stand in two files."""
    return f"{stem}.http.{http}.0@{date}", f"{stem}.ws.{ws}.0@{date}"


_SPOT = "binance-spot/cryptofeed__BINANCE"
_SPOT_LATER = "binance-spot/hftbacktest__spot_btcusdt"
_US = "binance-us/cryptofeed__BINANCE_US"
_TR = "binance-tr/cryptofeed__BINANCE_TR"
_BITSTAMP = "bitstamp/cryptofeed__BITSTAMP"
_COINBASE = "coinbase/cryptofeed__COINBASE"
_KRAKEN = "kraken/crossbook__kraken"
_OKX = "okx/cryptofeed__OK"
_BYBIT = "bybit/cryptofeed__BYBIT"
_DERIBIT = "deribit/cryptofeed__DERIBIT"
_BITFINEX = "bitfinex"

# By venue and name, as the table shows them.
RECORDINGS: Mapping[str, Mapping[str, Callable[[], Recording]]] = {
    "binance": {
        "spot 2021-04-05": partial(_binance, f"{_SPOT}-b38f7c.0@20210405.gz"),
        "spot 2021-04-17": partial(_binance, *_pair(_SPOT, "20210417", "0", "1")),
        "spot 2021-08-14": partial(_binance, *_pair(_SPOT, "20210814", "0", "1")),
        "spot 2023-04-05": partial(_binance, f"{_SPOT_LATER}_20230405.dat.gz"),
        "spot 2024-08-08": partial(_binance, f"{_SPOT_LATER}_20240808.gz", f"{_SPOT_LATER}_20240809.gz"),
        "US 2021-04-17": partial(_binance, *_pair(_US, "20210417", "2", "3")),
        "US 2021-08-14": partial(_binance, *_pair(_US, "20210814", "0", "1")),
        "TR 2023-04-10": partial(_binance, *_pair(_TR, "20230410", "0", "1")),
    },
    "bitstamp": {
        "2021-04-05": partial(_bitstamp, f"{_BITSTAMP}-b88f8b.0@20210405.part-A"),
        "2021-04-17": partial(_bitstamp, *_pair(_BITSTAMP, "20210417", "18", "19")),
    },
    "coinbase": {
        "2026-08-09": partial(_coinbase, f"{_COINBASE}.20260809.first14s.jsonl.gz"),
        "2021-04-17": partial(_coinbase_old, f"{_COINBASE}.ws.28.0@20210417"),
    },
    "kraken": {
        "BTC/USD 2026-08-02": partial(_kraken, f"{_KRAKEN}_btcusd_sample.cbcap", "BTC/USD", "0.1", 25),
        "BTC/USD 2026-08-01": partial(_kraken, f"{_KRAKEN}_btcusd_l2.cbcap", "BTC/USD", "0.1", 10),
        "XRP/USD 2026-08-02": partial(_kraken, f"{_KRAKEN}_xrpusd_sample.cbcap", "XRP/USD", "0.00001", 25),
    },
    "okx": {
        "2021-07-22, 1st of 3": partial(_okx, f"{_OKX}EX.ws.1.0@20210722"),
        "2021-07-22, 2nd of 3": partial(_okx, f"{_OKX}EX.ws.2.0@20210722"),
        "2021-07-22, 3rd of 3": partial(_okx, f"{_OKX}EX.ws.3.0@20210722"),
        "2022-05-13": partial(_okx, f"{_OKX}X.ws.1.0@20220513"),
    },
    "bybit": {
        "perpetuals 2026-08-09": partial(_bybit, 200, f"{_BYBIT}.20260809.linear.jsonl"),
        "a perpetual 2024-12-01": partial(_bybit, 500, "bybit/nautilus__2024-12-01_XRPUSDT_ob500.data"),
        "best quotes 2025-06-13": partial(_bybit, 1, f"{_BYBIT}.ws.1.0@20250613"),
    },
    "deribit": {
        "options 2021-04-05": partial(_deribit, f"{_DERIBIT}-5dd9ce.0@20210405"),
        "options 2021-04-17": partial(_deribit, f"{_DERIBIT}.ws.30.0@20210417"),
    },
    "bitfinex": {
        "2021-04-05": partial(_bitfinex, 100, f"{_BITFINEX}/cryptofeed__BITFINEX-58bafb.0@20210405"),
        "a published checksum": partial(_bitfinex, 25, f"{_BITFINEX}/bitfinex-api-go__checksum_tXRPBTC.jsonl"),
    },
}
