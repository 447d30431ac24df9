"""The messages of the wire contract as protobuf objects: the plain form of what encode.py makes by hand.

It carries every book, also one whose numbers are Decimal or too large for a double to count their units, so
encode.py falls back on it; its bytes are the yardstick of encode.py in the tests and the benchmark.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from book import Conversion, Distance, Level, MergedBook, Stamps, State, VenueView
from book.analytics import Figure
from book.merged import units
from proto import orderbook_pb2 as pb
from services.figures import AnalysedBook
from services.wire import (
    MAX_SINT64,
    MAX_UINT64,
    STATE_NUMBERS,
    age_ns,
    fitting,
    lag_ns,
    rate_milli,
    stamp,
)

_NONE = Stamps()


def newest(venues: Iterable[VenueView], only: frozenset[str] | None = None) -> Stamps:
    """The stamps of the update read last among the books that are merged, of the last known when none is.

    `only`: the venues that count; None: all.
    """
    latest, latest_live = _NONE, None
    for view in venues:
        if only is not None and view.venue not in only:
            continue
        stamps = view.stamps
        if view.state is State.LIVE and not view.left_out and (latest_live is None or stamps[1] > latest_live[1]):
            latest_live = stamps
        if stamps[1] > latest[1]:
            latest = stamps
    return latest if latest_live is None else latest_live


def venue_state_message(view: VenueView, sent_ns: int) -> pb.VenueState:
    """One venue's trust facts."""
    counters, trust = view.counters, view.trust
    return pb.VenueState(
        venue=view.venue,
        symbol=view.symbol,
        state=STATE_NUMBERS[view.state],  # type: ignore[arg-type]  # the stubs want the enum's wrapper
        reason=view.reason,
        since_ns=stamp(view.since_ns),
        next_try_ns=stamp(view.next_try_ns),
        venue_time_ns=stamp(view.stamps.venue_ns),
        received_ns=view.stamps.received_ns,
        age_ns=age_ns(view.stamps.received_ns, sent_ns),
        updates=counters.updates,
        gaps=counters.gaps,
        resyncs=counters.resyncs,
        audits_passed=counters.audits_passed,
        audits_failed=counters.audits_failed,
        garbage=counters.garbage,
        connects=counters.connects,
        position=stamp(view.position),
        rotations=counters.rotations,
        restarts=counters.restarts,
        least_lag_ns=fitting(trust.least_lag_ns),
        threshold_ns=stamp(trust.threshold_ns),
        connections=trust.connections,
        checked_by=trust.checked_by.value,  # type: ignore[arg-type]
        checked_ns=stamp(trust.checked_ns),
        lag_ns=fitting(lag_ns(view.stamps)),
        distance=_distance(view.distance),
        rate_milli=rate_milli(view, sent_ns),
        routed_from=view.routed_from,
        left_out=view.left_out,
    )


def conversion_message(conversion: Conversion, sent_ns: int) -> pb.Conversion:
    """How the quote of one member of a group is converted."""
    live = not conversion.reason
    return pb.Conversion(
        quote=conversion.quote,
        unit=conversion.unit,
        rule=pb.AT_PAR if conversion.par else pb.BY_BOOK,
        pairs=map(str, conversion.pairs),
        state=pb.LIVE if live else pb.UNCONVERTED,
        reason=conversion.reason,
        bid=_decimal(conversion.bid),
        ask=_decimal(conversion.ask),
        bid_amount=_decimal(conversion.bid_amount),
        ask_amount=_decimal(conversion.ask_amount),
        received_ns=stamp(conversion.received_ns),
        age_ns=age_ns(conversion.received_ns, sent_ns),
        par_ppm=fitting(conversion.par_ppm),
        basis_ppm=fitting(conversion.basis_ppm),
        venues=[venue_state_message(view, sent_ns) for view in conversion.venues],
    )


def _decimal(number: Decimal | None) -> str:
    return "" if number is None else format(number, "f")


def _distance(distance: Distance) -> pb.Distance | None:
    if not distance.others:
        return None
    return pb.Distance(
        ppm=distance.ppm,
        against=distance.against,
        others=distance.others,
        far_since_ns=stamp(distance.far_since_ns),
        suspect=distance.suspect,
        left_out=distance.left_out,
    )


def summary_message(
    merged: MergedBook, sent_ns: int, *, heartbeat: bool = False, closing: bool = False
) -> pb.Summary:
    """The summary that clients of the old contract know, with the facts added since."""
    spread = merged.spread()
    names = [view.venue for view in merged.venues]
    return pb.Summary(
        spread=spread or 0.0,
        bids=[pb.Level(exchange=names[venue], price=price, amount=amount) for price, amount, venue in merged.bids],
        asks=[pb.Level(exchange=names[venue], price=price, amount=amount) for price, amount, venue in merged.asks],
        arrival_time=newest(merged.venues).received_ns,
        symbol=str(merged.pair),
        sequence=merged.version,
        venues=[venue_state_message(view, sent_ns) for view in merged.venues],
        sent_time=sent_ns,
        has_spread=spread is not None,
        heartbeat=heartbeat,
        closing=closing,
        conversions=[conversion_message(each, sent_ns) for each in merged.conversions],
        unit=merged.unit,
    )


def book_message(
    merged: MergedBook,
    sent_ns: int,
    only: frozenset[str] | None = None,
    *,
    heartbeat: bool = False,
    closing: bool = False,
) -> pb.Book:
    """The merged book in exact integers; a heartbeat carries no levels.

    Where a number would not fit its 64 bits, this message has fewer decimals. Then, and where an amount is finer
    than the venues' lot sizes say, amounts are rounded to the nearest unit, but never to none.
    """
    scales = fitting_scales(merged)
    bids = _ladder(merged.bids, scales)
    asks = _ladder(merged.asks, scales)
    stamps = newest(merged.venues, only)
    message = pb.Book(
        pair=str(merged.pair),
        sequence=merged.version,
        price_decimals=scales.price,
        amount_decimals=scales.amount,
        venues=[_venue_book(view, sent_ns, scales.price) for view in merged.venues],
        bids=() if heartbeat else bids,
        asks=() if heartbeat else asks,
        clocks=pb.Clocks(
            venue_ns=stamp(stamps.venue_ns),
            received_ns=stamps.received_ns,
            applied_ns=stamps.applied_ns,
            sent_ns=sent_ns,
        ),
        heartbeat=heartbeat,
        closing=closing,
        conversions=[conversion_message(each, sent_ns) for each in merged.conversions],
        unit=merged.unit,
    )
    if bids and asks:
        message.spread = asks[0].price - bids[0].price
    if isinstance(merged, AnalysedBook):
        message.net_of_fees = merged.net
        if not heartbeat:
            message.analytics.extend(analytic_message(name, figure) for name, figure in merged.figures)
    return message


def analytic_message(name: str, figure: Figure) -> pb.Analytic:
    """One figure of the analytic `name`."""
    return pb.Analytic(
        name=name,
        part=sendable(figure.part),
        value=value_text(figure) or None,
        unit=sendable(figure.unit),
        reason=sendable(figure.reason),
        incomplete=not figure.complete,
    )


def value_text(figure: Figure) -> str:
    """The figure's value without an exponent; empty where there is none."""
    return "" if figure.value is None else format(figure.value, "f")


def sendable(text: str) -> str:
    """The text as UTF-8 can carry it: a user's analytic may say anything, and protobuf refuses surrogates."""
    return text.encode("utf-8", "replace").decode()


class Scales(NamedTuple):
    """Digits after the point of one message's integers."""

    price: int
    amount: int


def fitting_scales(merged: MergedBook) -> Scales:
    """The pair's scales, lowered where an integer of this book would not fit its 64 bits."""
    prices = [abs(price) for price, *_ in (*merged.bids, *merged.asks)]
    for view in merged.venues:
        prices += [abs(price) for price in _edges(view) if price is not None]
    amounts = [amount for _, amount, _ in (*merged.bids, *merged.asks)]
    return Scales(
        _fitting(max(prices, default=0), merged.price_decimals, MAX_SINT64),
        _fitting(max(amounts, default=0), merged.amount_decimals, MAX_UINT64),
    )


def _fitting(largest: float, decimals: int, limit: int) -> int:
    while decimals > 0 and units(largest, decimals) > limit:
        decimals -= 1
    return decimals


def _edges(view: VenueView) -> tuple[float | None, float | None, float | None, float | None]:
    """known_bid, known_ask, best_bid and best_ask: the optional prices of VenueBook in their order."""
    return (
        view.known_bid,
        view.known_ask,
        view.bids[0][0] if view.bids else None,
        view.asks[0][0] if view.asks else None,
    )


def _venue_book(view: VenueView, sent_ns: int, price_decimals: int) -> pb.VenueBook:
    known_bid, known_ask, best_bid, best_ask = (
        None if price is None else _price_units(price, price_decimals) for price in _edges(view)
    )
    return pb.VenueBook(
        trust=venue_state_message(view, sent_ns),
        known_bid=known_bid,
        known_ask=known_ask,
        best_bid=best_bid,
        best_ask=best_ask,
        pair=str(view.member) if view.member else "",
    )


def _price_units(price: float, decimals: int) -> int:
    """Units of a price, held within sint64: only a price without any decimals left can be beyond."""
    return max(-MAX_SINT64, min(MAX_SINT64, units(price, decimals)))


def _ladder(levels: Sequence[Level], scales: Scales) -> list[pb.MergedLevel]:
    """One entry a price, in order; the amounts of a venue whose prices fall together are added."""
    ladder: dict[int, dict[int, int]] = {}
    for price, amount, venue in levels:
        amounts = ladder.setdefault(_price_units(price, scales.price), {})
        size = max(1, units(amount, scales.amount))
        amounts[venue] = min(MAX_UINT64, amounts.get(venue, 0) + size)
    return [
        pb.MergedLevel(
            price=price,
            amounts=[
                pb.VenueAmount(venue=venue, amount=amount)
                for venue, amount in sorted(amounts.items(), key=lambda item: -item[1])
            ],
        )
        for price, amounts in ladder.items()
    ]
