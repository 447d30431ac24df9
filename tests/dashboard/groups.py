"""Messages of a quote group: members by their books, at par, and without a conversion."""

from typing import Any

from proto import orderbook_pb2 as pb
from tests.dashboard.fake import EPOCH_NS, market, venue

ENTRIES = ("bitstamp/usd", "kraken/usd", "binance/usdt", "kraken/usdt", "coinbase/usdc")
WHY = "no live book of USDC/USD: kraken is down: connection refused"


def entries(usdc: int = pb.UNCONVERTED) -> list[pb.VenueBook]:
    """A venue's entry for each member that it trades."""
    made = []
    for name in ENTRIES:
        quote = name.partition("/")[2].upper()
        state = usdc if quote == "USDC" else pb.LIVE
        entry = venue(name, state, symbol=f"BTC{quote}", reason="" if state == pb.LIVE else WHY)
        entry.pair = f"BTC/{quote}"
        made.append(entry)
    return made


def conversion(quote: str, **fields: Any) -> pb.Conversion:
    """By the books of Bitstamp and Kraken, a little below one."""
    by = [venue(name).trust for name in ("bitstamp", "kraken")]
    told: dict[str, Any] = {
        "rule": pb.BY_BOOK, "pairs": [f"{quote}/USD"], "state": pb.LIVE, "bid": "0.9999", "ask": "1.0001",
        "bid_amount": "25000", "ask_amount": "1800.5", "received_ns": EPOCH_NS - 400_000_000, "age_ns": 400_000_000,
        "par_ppm": -3, "basis_ppm": -7, "venues": by, **fields,
    }  # fmt: skip
    return pb.Conversion(quote=quote, unit="USD", **told)


def at_par(quote: str) -> pb.Conversion:
    """Because the operator says so."""
    return pb.Conversion(quote=quote, unit="USD", rule=pb.AT_PAR, state=pb.LIVE, bid="1", ask="1", basis_ppm=212)


def lost(quote: str) -> pb.Conversion:
    """Its book of conversion is down."""
    down = venue("kraken", pb.DOWN).trust
    told: dict[str, Any] = {"rule": pb.BY_BOOK, "pairs": [f"{quote}/USD"], "state": pb.UNCONVERTED, "reason": WHY}
    return pb.Conversion(quote=quote, unit="USD", venues=[down], **told)


def group(*conversions: pb.Conversion, usdc: int = pb.UNCONVERTED, **fields: Any) -> pb.Book:
    """A book of BTC/USD~; without conversions USDT by its books, and USDC without any."""
    told = conversions or (conversion("USDT"), lost("USDC"))
    given: dict[str, Any] = {"pair": "BTC/USD~", "unit": "USD", "price_decimals": 4, "mid": 641_233_000} | fields
    return market(venues=entries(usdc), conversions=told, **given)


def trade(pair: str, venue_name: str, number: int, price: str, at_ms: int) -> pb.Trade:
    """A trade of a member, in its own quote."""
    stamp_ns = EPOCH_NS + at_ms * 1_000_000
    return pb.Trade(
        venue=venue_name, pair=pair, price=price, amount="0.25", taker=pb.BUYER, id=str(number), sequence=number,
        venue_ns=stamp_ns, received_ns=stamp_ns,
    )  # fmt: skip
