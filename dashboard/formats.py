"""Books as text for scripts: exact decimals made from the integers. Pure; one function a format."""

import json
from collections.abc import Callable, Iterator

from dashboard.market import Book, Conversion, Level, Venue
from dashboard.numbers import NONE, basis_points, clock, decimal, instant, short_age
from dashboard.venues import check_name, state_name, state_of
from proto import orderbook_pb2 as pb

CSV_HEADER = "time,pair,sequence,heartbeat,venues_live,venues,side,level,price,amount,venue"


def table(book: Book) -> str:
    """A ladder for the eye: asks above bids, as `price : amount [venue]`; venues that are not live come first."""
    spread, points = NONE, NONE
    if book.spread is not None and book.twice_mid is not None:
        spread = decimal(book.spread, book.price_decimals)
        points = basis_points(book.spread, book.twice_mid)
    head = (
        f"{book.pair}  {clock(book.clocks.sent_ns)} UTC  seq {book.sequence}"
        f"  spread {spread} ({points} bp)  venues {book.live_venues}/{book.wanted_venues} live"
    )
    if book.net_of_fees:
        head += "  net of fees"
    if book.heartbeat:
        head += "  heartbeat"
    lines = [head, *(f"  {_converted(each)}" for each in book.conversions)]
    lines += [*(f"  {_trouble(book, venue)}" for venue in book.venues if venue.suspect or not venue.live)]
    cells = [_cells(book, level) for side in (book.bids, book.asks) for level in side]
    price = max((len(row[0]) for row in cells), default=0)
    amount = max((len(row[1]) for row in cells), default=0)
    for name, side in (("ask", tuple(reversed(book.asks))), ("bid", book.bids)):
        if not side:
            lines.append(f"  no {name}s")
        for level in side:
            row = _cells(book, level)
            lines.append(f"  {name}  {row[0]:>{price}} : {row[1]:>{amount}} [{row[2]}]")
    return "\n".join(lines) + "\n\n"


def _converted(each: Conversion) -> str:
    """How a member of a quote group was converted: `1 USDT = 0.9998 to 0.9999 USD by USDT/USD of kraken, ...`."""
    if not each.live:
        return f"{each.quote} is not merged: {each.reason}"
    if each.par:
        text = f"1 {each.quote} = 1 {each.unit} AT PAR, as the server was told"
    else:
        venues = ", ".join(name for name, state in each.venues if state == pb.LIVE)
        text = f"1 {each.quote} = {each.bid} to {each.ask} {each.unit} by {' and '.join(each.pairs)} of {venues}"
        text += f", {short_age(each.age_ns)} old"
    if each.basis_ppm is not None:
        text += f"; {each.basis_ppm / 100:+g} bps off the books in {each.unit}"
    return text


def _cells(book: Book, level: Level) -> tuple[str, str, str]:
    parts = [(book.venues[index].name, decimal(amount, book.amount_decimals)) for index, amount in level.amounts]
    who = parts[0][0] if len(parts) == 1 else " + ".join(f"{name} {amount}" for name, amount in parts)
    return decimal(level.price, book.price_decimals), decimal(level.amount, book.amount_decimals), who


def _trouble(book: Book, venue: Venue) -> str:
    glyph, word, _ = state_of(venue)
    text = f"{glyph} {venue.name} {word}"
    if venue.suspect:
        text += f" for {max(0, book.clocks.sent_ns - venue.far_since_ns) // 1_000_000_000} s"
        text += f": {venue.ppm / 100:+g} bps off {venue.against}, its nearest"
        return f"{text}; not merged" if venue.left_out else text
    if venue.since_ns and venue.wanted:
        text += f" for {max(0, book.clocks.sent_ns - venue.since_ns) // 1_000_000_000} s"
    return f"{text}: {venue.reason}" if venue.reason else text


def jsonl(book: Book) -> str:
    """Everything that the message told, as one JSON object; prices, amounts and the spread are decimal strings."""
    clocks = book.clocks
    told: dict[str, object] = {
        "pair": book.pair,
        "sequence": book.sequence,
        "conflated": book.conflated,
        "heartbeat": book.heartbeat,
        "closing": book.closing,
        "spread": decimal(book.spread, book.price_decimals) if book.spread is not None else None,
        "bids": list(_triples(book, book.bids)),
        "asks": list(_triples(book, book.asks)),
        "venues": [_venue(book, venue) for venue in book.venues],
        "clocks": clocks._asdict(),
        "age_ms": _ms(clocks.sent_ns - clocks.received_ns) if clocks.received_ns else None,
        "venue_age_ms": _ms(clocks.sent_ns - clocks.venue_ns) if clocks.venue_ns else None,
    }
    if book.net_of_fees:
        told["net_of_fees"] = True
    if book.unit:
        told["unit"] = book.unit
        told["conversions"] = [_conversion(each) for each in book.conversions]
    if book.analytics:
        told["analytics"] = [each._asdict() for each in book.analytics]
    return json.dumps(told, separators=(",", ":")) + "\n"


def _conversion(each: Conversion) -> dict[str, object]:
    told: dict[str, object] = each._asdict()
    told["rule"] = "par" if told.pop("par") else "book"
    told["age_ms"] = _ms(told.pop("age_ns")) if each.received_ns else None  # type: ignore[arg-type]
    for name in ("par", "basis"):
        ppm = told.pop(f"{name}_ppm")
        told[f"{name}_bps"] = ppm / 100 if isinstance(ppm, int) else None
    told["venues"] = [{"venue": name, "state": state_name(state)} for name, state in each.venues]
    return told


def _triples(book: Book, side: tuple[Level, ...]) -> Iterator[list[str]]:
    """One entry a price and venue, best price first, larger amount first."""
    for level in side:
        price = decimal(level.price, book.price_decimals)
        for index, amount in level.amounts:
            yield [price, decimal(amount, book.amount_decimals), book.venues[index].name]


def _venue(book: Book, venue: Venue) -> dict[str, object]:
    def price(value: int | None) -> str | None:
        return decimal(value, book.price_decimals) if value is not None else None

    return {
        "venue": venue.name,
        **({"pair": venue.pair} if venue.pair else {}),
        "symbol": venue.symbol,
        "state": state_name(venue.state),
        "reason": venue.reason,
        "since_ns": venue.since_ns,
        "next_try_ns": venue.next_try_ns,
        "age_ms": _ms(venue.age_ns) if venue.received_ns else None,
        "updates": venue.updates,
        "gaps": venue.gaps,
        "resyncs": venue.resyncs,
        "audits_failed": venue.audits_failed,
        "garbage": venue.garbage,
        "connects": venue.connects,
        "connections": venue.connections,
        "lag_ms": _ms(venue.lag_ns) if venue.lag_ns is not None else None,
        "least_lag_ms": _ms(venue.least_lag_ns) if venue.least_lag_ns is not None else None,
        "updates_per_s": venue.rate_milli / 1000,
        "checked_ns": venue.checked_ns,
        "checked_by": check_name(venue.checked_by),
        "threshold_ms": _ms(venue.threshold_ns),
        "distance_bps": venue.ppm / 100 if venue.against else None,
        "against": venue.against,
        "far_since_ns": venue.far_since_ns,
        "suspect": venue.suspect,
        "left_out": venue.left_out,
        "best_bid": price(venue.best_bid),
        "best_ask": price(venue.best_ask),
        "known_bid": price(venue.known_bid),
        "known_ask": price(venue.known_ask),
    }


def _ms(ns: int) -> float:
    return round(ns / 1e6, 3)


def csv(book: Book) -> str:
    """One line a side, price and venue; a book without levels is one line with these columns empty.

    Names hold neither commas nor quotes, so nothing needs quoting.
    """
    head = (
        f"{instant(book.clocks.sent_ns)},{_safe(book.pair)},{book.sequence},{int(book.heartbeat)},"
        f"{book.live_venues},{book.wanted_venues}"
    )
    lines = [
        f"{head},{name},{number},{decimal(level.price, book.price_decimals)},"
        f"{decimal(amount, book.amount_decimals)},{_safe(book.venues[index].name)}"
        for name, side in (("bid", book.bids), ("ask", book.asks))
        for number, level in enumerate(side, 1)
        for index, amount in level.amounts
    ]
    return "\n".join(lines or [f"{head},,,,,"]) + "\n"


def _safe(name: str) -> str:
    return name.replace(",", "?").replace('"', "?")


FORMATS: dict[str, Callable[[Book], str]] = {"table": table, "jsonl": jsonl, "csv": csv}
