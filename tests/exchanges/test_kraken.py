"""The rules of Kraken's book channel."""

import random
import zlib
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from book import Instrument, Pair, State
from exchanges.actions import Send
from exchanges.errors import GarbageFrame
from exchanges.kraken import Kraken, KrakenProtocol, checksum
from tests.exchanges.desk import Desk

BTC = "BTC/USD"
ASKS = [
    ("45285.2", "0.00100000"), ("45286.4", "1.54571953"), ("45286.6", "1.54571109"), ("45289.6", "1.54560911"),
    ("45290.2", "0.15890660"), ("45291.8", "1.54553491"), ("45294.7", "0.04454749"), ("45296.1", "0.35380000"),
    ("45297.5", "0.09945542"), ("45299.5", "0.18772827"),
]  # fmt: skip
BIDS = [
    ("45283.5", "0.10000000"), ("45283.4", "1.54582015"), ("45282.1", "0.10000000"), ("45281.0", "0.10000000"),
    ("45280.3", "1.54592586"), ("45279.0", "0.07990000"), ("45277.6", "0.03310103"), ("45277.5", "0.30000000"),
    ("45277.3", "1.54602737"), ("45276.6", "0.15445238"),
]  # fmt: skip
PUBLISHED = 3310070434  # the venue's own example of the checksum over these


def kraken(*symbols: str, depth: int = 10, max_price: str | None = None) -> KrakenProtocol:
    """A protocol for some symbols with a tick of 0.1."""
    most = None if max_price is None else Decimal(max_price)
    tick, lot = Decimal("0.1"), Decimal("0.00000001")
    return KrakenProtocol(
        [Instrument("kraken", each, Pair.parse(each), tick, lot, max_price=most) for each in symbols or (BTC,)], depth
    )


def crc(bids: Any, asks: Any) -> int:
    """The checksum over the best ten, by the text alone."""
    levels = [*sorted(asks, key=lambda level: Decimal(level[0]))[:10]]
    levels += sorted(bids, key=lambda level: -Decimal(level[0]))[:10]
    text = "".join(part.replace(".", "").lstrip("0") for level in levels for part in level)
    return zlib.crc32(text.encode())


def message(kind: str, bids: Any = (), asks: Any = (), check: int = 0, second: int = 0, symbol: str = BTC) -> bytes:
    """A message of the book channel, numbers in full precision as the venue prints them."""
    sides = [
        "[" + ",".join(f'{{"price":{price},"qty":{amount}}}' for price, amount in side) + "]" for side in (bids, asks)
    ]
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":{sides[0]},"asks":{sides[1]},'
        f'"checksum":{check},"timestamp":"2026-09-25T10:00:{second:02d}.100000Z"}}]}}'
    ).encode()


def live(depth: int = 10, **options: Any) -> Desk:
    """A live book: the published example."""
    desk = Desk(kraken(depth=depth, **options)).open(acknowledge=False)
    desk.frame(message("snapshot", BIDS, ASKS, PUBLISHED))
    assert desk.state is State.LIVE
    desk.sent.clear()
    return desk


def test_the_published_checksum() -> None:
    """Asks first, best first, point and leading zeros away."""
    bids, asks = ([(float(price), float(amount)) for price, amount in side] for side in (BIDS, ASKS))
    assert checksum(bids, asks, 1, 8) == PUBLISHED == crc(BIDS, ASKS)
    desk = live()
    assert (desk.book.counters.audits_passed, desk.book.counters.audits_failed) == (1, 0)
    assert live(max_price="100000000000000").book.counters.audits_passed == 1


def test_fewer_than_ten_levels() -> None:
    """What there is; small amounts in plain digits, not with an exponent."""
    bids, asks = (
        [("61250.3", "0.50000000"), ("61249.9", "0.00310000")],
        [("61250.4", "0.02500000"), ("61251.0", "1.20000000")],
    )
    desk = Desk(kraken()).open(acknowledge=False)
    desk.frame(message("snapshot", bids, asks, 216992148))
    desk.frame(message("update", [("61250.3", "0.00000000")], (), 608536743))
    assert (desk.state, desk.book.counters.audits_passed) == (State.LIVE, 2)
    assert desk.levels()[0] == ((61249.9, 0.0031),)
    tiny = [("61249.9", "0.00000010")]
    desk.frame(message("update", tiny, (), crc(tiny, asks)))
    assert (desk.state, desk.book.counters.audits_passed) == (State.LIVE, 3)


def test_a_wrong_checksum() -> None:
    """The book is hidden in the same message, and only its stream is begun anew, with the depth it had."""
    desk = Desk(kraken(BTC, "ETH/USD", depth=25)).open(acknowledge=False)
    for symbol in (BTC, "ETH/USD"):
        desk.frame(message("snapshot", BIDS, ASKS, PUBLISHED, symbol=symbol))
    desk.sent.clear()
    desk.frame(message("update", [("45283.5", "0.20000000")], (), 12345))
    assert [book.state for book in desk.books.values()] == [State.GAP, State.LIVE]
    assert "checksum" in desk.book.reason
    assert [sent["method"] for sent in desk.sent] == ["unsubscribe", "subscribe"]
    assert {sent["params"]["depth"] for sent in desk.sent} == {25}
    desk.frame(message("update", [("45283.5", "0.10000000")], (), PUBLISHED))
    assert desk.state is State.GAP, "of the old subscription"
    desk.frame(message("snapshot", BIDS, ASKS, PUBLISHED))
    assert desk.book.state.value == "live"


def test_what_falls_out_of_the_depth_is_forgotten() -> None:
    """The venue sends no removal for it, and sends it again when it comes back into range."""
    desk = live()
    better = ("45284.0", "1.00000000")
    bids = [better, *BIDS[:9]]
    desk.frame(message("update", [better], (), crc(bids, ASKS)))
    assert desk.state is State.LIVE
    assert len(desk.levels()[0]) == 10
    assert desk.book.view(1).known_bid == 45277.3
    desk.frame(message("update", [("45284.0", "0.00000000"), BIDS[9]], (), PUBLISHED))
    assert (desk.state, desk.book.counters.audits_failed) == (State.LIVE, 0)


def test_a_side_that_is_shorter_than_the_depth_is_whole() -> None:
    """Then nothing is unknown beyond its worst price."""
    desk = live(depth=25)
    view = desk.book.view(1)
    assert (view.known_bid, view.known_ask) == (None, None)
    view = live(depth=10).book.view(1)
    assert (view.known_bid, view.known_ask) == (45276.6, 45299.5)


def test_entries_apply_in_order() -> None:
    """One message may name a price twice: the last entry counts."""
    desk = live()
    desk.frame(message("update", [("45283.5", "0.00000000"), ("45283.5", "0.10000000")], (), PUBLISHED))
    assert (desk.state, desk.levels()[0][0]) == (State.LIVE, (45283.5, 0.1))


def test_requests() -> None:
    """A hundred symbols in each, with the depth and the snapshot that they want."""
    symbols = [f"A{i}/USD" for i in range(250)]
    protocol = kraken(*symbols, depth=100)
    sent = [msgspec.json.decode(each.text) for each in protocol.opened() if isinstance(each, Send)]
    assert [len(each["params"]["symbol"]) for each in sent] == [100, 100, 50]
    assert sent[0]["params"] == {"channel": "book", "symbol": symbols[:100], "depth": 100, "snapshot": True}
    assert len({each["req_id"] for each in sent}) == 3
    assert protocol.path == "/v2"


def test_refusals() -> None:
    """An unsupported pair is down with the venue's words; the others go on."""
    desk = live()
    desk.frame(
        b'{"error":"Currency pair not supported BTC/USD","method":"subscribe","success":false,"symbol":"BTC/USD"}'
    )
    assert (desk.state, desk.book.reason) == (
        State.DOWN,
        "subscription refused: Currency pair not supported BTC/USD",
    )
    desk = live()
    desk.frame(
        b'{"error":"Currency pair not supported FOO/BAR","method":"subscribe","success":false,"symbol":"FOO/BAR"}'
    )
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 1)


WORDS = [
    b'{"method":"subscribe","result":{"channel":"book","symbol":"BTC/USD","depth":10},"success":true,"req_id":1}',
    b'{"method":"unsubscribe","result":{"channel":"book","symbol":"BTC/USD"},"success":true}',
    b'{"method":"pong","req_id":9}',
    b'{"channel":"heartbeat"}',
    b'{"channel":"status","type":"update","data":[{"version":"2.0.9","system":"online"}]}',
    b'{"channel":"status","type":"update","data":[]}',
    b'{"channel":"trade","type":"update","data":[]}',
    message("update", BIDS, ASKS, 1, symbol="FOO/BAR"),
]


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
def test_what_changes_no_book(words: bytes) -> None:
    """Acknowledgements, heartbeats, other channels and other symbols."""
    desk = live()
    desk.frame(words)
    assert (desk.state, desk.book.counters.garbage, desk.book.counters.updates, desk.sent) == (State.LIVE, 0, 1, [])


def test_maintenance() -> None:
    """The engine stands still: no book of it may look live."""
    desk = live()
    desk.frame(b'{"channel":"status","type":"update","data":[{"system":"maintenance"}]}')
    assert (desk.state, desk.book.reason) == (State.STALE, "the venue is in maintenance")


OTHERS = [
    b'{"error":"no","method":"subscribe","success":false,"symbol":["BTC/USD"]}',
    b'{"error":"no","method":"subscribe","success":false,"symbol":{}}',
    b"{}",
    b'{"channel":5}',
]
NAMELESS = [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"channel":"book"']
BROKEN = [
    message("update", [("NaN", "1")]), message("update", [("-1", "1")]), message("update", [("0", "1")]),
    message("update", [("1", "-1")]), message("update", [("1e15", "1")]), message("update")[:-2],
    message("update").replace(b'"checksum":0', b'"checksum":"x"'), message("update").replace(b"2026-09", b"no time"),
    message("update").replace(b'"bids":[]', b'"bids":5'),
]  # fmt: skip


@pytest.mark.parametrize("garbage", OTHERS, ids=range(len(OTHERS)))
def test_a_message_that_is_no_books(garbage: bytes) -> None:
    """Is counted, no more."""
    desk = live()
    desk.frame(garbage)
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 1)


@pytest.mark.parametrize("garbage", NAMELESS, ids=range(len(NAMELESS)))
def test_garbage_that_names_no_book(garbage: bytes) -> None:
    """It may have been an update of any: no checksum would tell what it said of levels below the tenth."""
    desk = Desk(kraken(BTC, "ETH/USD", "XRP/USD")).open(acknowledge=False)
    for symbol in (BTC, "ETH/USD"):
        desk.frame(message("snapshot", BIDS, ASKS, PUBLISHED, symbol=symbol))
    desk.sent.clear()
    desk.frame(garbage)
    assert [book.state for book in desk.books.values()] == [State.GAP, State.GAP, State.SYNCING]
    assert [sent["params"]["symbol"] for sent in desk.sent] == 2 * [[BTC, "ETH/USD"]] + 2 * [["XRP/USD"]]
    desk.sent.clear()
    for again in ([BTC, "ETH/USD", "XRP/USD"], [BTC, "ETH/USD"]):  # what may have been a snapshot: at once, but twice
        desk.frame(garbage)
        assert [sent["params"]["symbol"] for sent in desk.sent] == 2 * [again]
        desk.sent.clear()
    desk.frame(garbage)
    assert desk.sent == []
    for symbol in (BTC, "ETH/USD"):
        desk.frame(message("snapshot", BIDS, ASKS, PUBLISHED, symbol=symbol))
    assert [book.state for book in desk.books.values()] == [State.LIVE, State.LIVE, State.SYNCING]


@pytest.mark.parametrize("garbage", BROKEN, ids=range(len(BROKEN)))
@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
def test_garbage_that_names_its_book(garbage: bytes, max_price: str | None) -> None:
    """That book is begun anew."""
    desk = live(max_price=max_price)
    desk.frame(garbage)
    assert (desk.state, desk.book.counters.garbage) == (State.GAP, 1)
    assert len(desk.sent) == 2


def listing(**changes: Any) -> dict[str, Any]:
    """A pair of AssetPairs with some fields changed; None leaves one out."""
    told = {
        "altname": "XBTUSDT", "wsname": "XBT/USDT", "pair_decimals": 1, "lot_decimals": 8, "tick_size": "0.1",
        "costmin": "0.5", "status": "online", "fees": [[0, 0.4]],
    }  # fmt: skip
    return {key: value for key, value in {**told, **changes}.items() if value is not None}


def catalog(*pairs: dict[str, Any]) -> list[Instrument]:
    """What the venue's parser makes of them."""
    body = msgspec.json.encode({"error": [], "result": {str(number): pair for number, pair in enumerate(pairs)}})
    return Kraken().parse_catalog(body)


def test_catalog() -> None:
    """Old names become those of the stream; what trades and what not; steps."""
    first, second, third = catalog(
        listing(), listing(wsname="XDG/XBT", status="cancel_only"), listing(tick_size=None)
    )
    assert (first.symbol, first.pair, first.tick_size, first.lot_size) == (
        "BTC/USDT", Pair("BTC", "USDT"), Decimal("0.1"), Decimal("1e-8"),
    )  # fmt: skip
    assert (first.min_notional, first.trading) == (Decimal("0.5"), True)
    assert (second.symbol, second.trading) == ("DOGE/BTC", False)
    assert third.tick_size == Decimal("0.1")


@pytest.mark.parametrize(
    "changes",
    [{"wsname": None}, {"wsname": "XBTUSDT"}, {"wsname": "A.B/C"}, {"tick_size": "-1"}, {"lot_decimals": 99}],
)
def test_pairs_that_are_left_out(changes: dict[str, Any]) -> None:
    """Without a name of the stream or with steps that cannot be."""
    assert catalog(listing(**changes)) == []


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"error":["EGeneral:Too many requests"],"result":{}}'])
def test_no_catalog(body: bytes) -> None:
    """Errors come with status 200, in the venue's words."""
    with pytest.raises(GarbageFrame, match="kraken: no catalog"):
        Kraken().parse_catalog(body)


def test_the_venue() -> None:
    """Its option reaches the protocol."""
    venue = Kraken()
    made = venue.protocol(kraken().instruments, {"depth": "25"})
    assert made.depth == 25
    assert venue.protocol(kraken().instruments, {}).depth == 1000


def run(seed: int, steps: int) -> Desk:
    """A venue that loses, repeats, reorders and garbles messages: a live book has the checksum of the truth."""
    rng = random.Random(seed)
    desk = Desk(kraken(depth=10)).open(acknowledge=False)
    truth: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})
    shown: tuple[set[Decimal], set[Decimal]] = (set(), set())  # what the venue has within the depth, as told

    def best(which: int) -> list[Decimal]:
        return sorted(truth[which], reverse=which == 0)[:10]

    def told(kind: str, changed: tuple[set[Decimal], set[Decimal]]) -> bytes:
        sides = [[(f"{p:.1f}", f"{truth[w].get(p, Decimal(0)):.8f}") for p in sorted(changed[w])] for w in (0, 1)]
        tops = [[(f"{p:.1f}", f"{truth[w][p]:.8f}") for p in best(w)] for w in (0, 1)]
        return message(kind, sides[0], sides[1], crc(*tops), rng.randint(0, 59))

    def change() -> bytes:
        which = rng.randint(0, 1)
        price = Decimal(rng.randint(1, 15) + 20 * which) / 2
        truth[which][price] = Decimal(rng.randint(0, 3)) / 8
        if not truth[which][price]:
            del truth[which][price]
        changed: tuple[set[Decimal], set[Decimal]] = (set(), set())
        if price in shown[which] or price in best(which):
            changed[which].add(price)
        now = set(best(which))
        changed[which].update(now - shown[which])
        shown[which].clear()
        shown[which].update(now)
        return told("update", changed)

    for _ in range(steps):
        if any(sent.get("method") == "subscribe" for sent in desk.sent):
            desk.sent.clear()
            desk.frame(told("snapshot", (set(best(0)), set(best(1)))))
        body = change()
        word = rng.choice(["send"] * 12 + ["lose", "twice", "garbage", "cut"])
        if word in ("send", "twice"):
            desk.frame(body)
        if word == "twice":
            desk.frame(body)
        elif word == "garbage":
            desk.frame(body[: rng.randint(0, len(body) - 1)])
        elif word == "cut":
            desk.close()
            desk.open(acknowledge=False)
        if desk.state is State.LIVE and word in ("send", "twice"):
            ours = [[(Decimal(str(p)), Decimal(str(a))) for p, a in side] for side in desk.levels()]
            assert ours == [[(p, truth[w][p]) for p in best(w)] for w in (0, 1)]
    return desk


@pytest.mark.parametrize("seed", range(5))
def test_a_live_book_is_the_venues_book(seed: int) -> None:
    """Whatever happens to the messages: the ten levels under the checksum are right, or the book is not live."""
    counters = run(seed, 1500).book.counters
    assert min(counters.audits_passed, counters.audits_failed, counters.resyncs) > 5
