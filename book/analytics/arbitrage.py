"""Where one venue bids more than another asks."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from book.analytics.exact import ExactBook, ExactSide, ExactVenue, any_cut
from book.analytics.figure import BPS, MILLISECONDS, Figure, decimal, in_bps

_NONE_CROSS = "no venue bids more than another asks"


class Arbitrage(NamedTuple):
    """Buying at one venue's asks and selling into another's bids, level by level while it pays.

    Amounts are in base, profits in quote, both exact; whole levels, no lot sizes. What is net is None where the
    fee of one of the two is not known. Ages: how long before the book's moment the venue's newest update was
    read; the quote stood then.
    """

    buy: str  # the venue whose asks are taken
    sell: str  # the venue whose bids are taken
    ask: Decimal
    bid: Decimal
    gross_bps: Decimal  # (bid - ask) / ask * 10,000: what is won on what is spent, at the best prices
    net_bps: Decimal | None  # the same of bid * (1 - fee) and ask * (1 + fee): may be negative
    amount: Decimal  # that may be dealt while bid > ask
    profit: Decimal  # sum(bid - ask) over it
    net_amount: Decimal | None  # that may be dealt while bid * (1 - fee) > ask * (1 + fee)
    net_profit: Decimal | None  # what it leaves after fees
    buy_age_ns: int
    sell_age_ns: int
    complete: bool  # False: more may be dealt than is known, since one of the two sides ends at its known depth
    cut: bool  # ... at the end of the picture, that is: a deeper one would tell
    reason: str


def arbitrages(book: ExactBook) -> tuple[Arbitrage, ...]:
    """Every pair of venues of which one's best bid is above the other's best ask; the most profitable first.

    Ordered by the net profit where fees are known, then by the gross one.
    """
    found = [
        _between(book, buy, sell)
        for buy in book.venues
        for sell in book.venues
        if buy is not sell and buy.asks.levels and sell.bids.levels
        if sell.bids.levels[0][0] > buy.asks.levels[0][0]
    ]
    return tuple(sorted(found, key=lambda each: (-(each.net_profit or 0), -each.profit)))


def arbitrage(book: ExactBook) -> tuple[Figure, ...]:
    """The most profitable of `arbitrages`: buying at one venue what another bids more for.

    Parts: gross = (bid - ask) / ask * 10,000 and net = (bid * (1 - fee) / (ask * (1 + fee)) - 1) * 10,000 in bps, at
    the best prices; amount in base and profit in quote while bid > ask; net_amount and net_profit while it pays
    after fees; buy_age and sell_age in ms, how long ago the two venues' newest updates were read. The reason of
    gross names the two venues. None where no venue bids more than another asks; net also where a fee is not known.
    """
    base, quote = book.pair
    found = arbitrages(book)
    if not found:
        units = (BPS, BPS, base, quote, base, quote, MILLISECONDS, MILLISECONDS)
        return tuple(Figure.none(unit, _NONE_CROSS, part) for part, unit in zip(PARTS, units, strict=True))
    best = found[0]
    unknown = f"the taker fee of {best.buy} or {best.sell} is not known"
    reason, whole = best.reason, best.complete

    def net(value: Decimal | None, unit: str, part: str, complete: bool = True) -> Figure:
        if value is None:
            return Figure.none(unit, unknown, part)
        return Figure(value, unit, "" if complete else reason, complete, part, best.cut and not complete)

    return (
        Figure(best.gross_bps, BPS, f"buy at {best.buy}, sell at {best.sell}", part="gross"),
        net(best.net_bps, BPS, "net"),
        Figure(best.amount, base, reason, whole, "amount", best.cut),
        Figure(best.profit, quote, reason, whole, "profit", best.cut),
        net(best.net_amount, base, "net_amount", whole),
        net(best.net_profit, quote, "net_profit", whole),
        Figure(decimal(best.buy_age_ns, 6), MILLISECONDS, part="buy_age"),
        Figure(decimal(best.sell_age_ns, 6), MILLISECONDS, part="sell_age"),
    )


PARTS = ("gross", "net", "amount", "profit", "net_amount", "net_profit", "buy_age", "sell_age")


def _between(book: ExactBook, buy: ExactVenue, sell: ExactVenue) -> Arbitrage:
    ask, bid = buy.asks.levels[0][0], sell.bids.levels[0][0]
    gross = _deal(buy.asks, sell.bids)
    passed = [(buy.asks, buy.asks.beyond(gross.asks_to)), (sell.bids, sell.bids.beyond(gross.bids_to))]
    digits = book.price_decimals + book.amount_decimals
    net_bps = net_amount = net_profit = None
    if buy.name in book.fees and sell.name in book.fees:
        net = replace(book, venues=(buy, sell)).net
        buy_net, sell_net = net.venues
        net_bps = in_bps(Fraction(sell_net.bids.levels[0][0], buy_net.asks.levels[0][0]) - 1)
        deal = _deal(buy_net.asks, sell_net.bids)
        net_amount = net.amount(deal.amount)
        net_profit = decimal(deal.profit, net.price_decimals + net.amount_decimals)
    return Arbitrage(
        buy=buy.name,
        sell=sell.name,
        ask=book.price(ask),
        bid=book.price(bid),
        gross_bps=in_bps(Fraction(bid - ask, ask)),
        net_bps=net_bps,
        amount=book.amount(gross.amount),
        profit=decimal(gross.profit, digits),
        net_amount=net_amount,
        net_profit=net_profit,
        buy_age_ns=max(0, book.at_ns - buy.received_ns),
        sell_age_ns=max(0, book.at_ns - sell.received_ns),
        complete=not any(limits for _, limits in passed),
        cut=any(any_cut(limits) for _, limits in passed),
        reason="; ".join(book.told(side, limits) for side, limits in passed if limits),
    )


class _Deal(NamedTuple):
    amount: int
    profit: int
    asks_to: int  # asks up to here had to be known
    bids_to: int  # bids down to here


def _deal(asks: ExactSide, bids: ExactSide) -> _Deal:
    """Takes the best of both sides while the bid is above the ask."""
    asked, offered = iter(asks.levels), iter(bids.levels)
    ask, bid = next(asked, None), next(offered, None)
    ask_left, bid_left = ask[1] if ask else 0, bid[1] if bid else 0
    amount = profit = 0
    last_ask, last_bid = asks.levels[0][0], bids.levels[0][0]
    while ask is not None and bid is not None and bid[0] > ask[0]:
        last_ask, last_bid = ask[0], bid[0]
        size = min(ask_left, bid_left)
        amount += size
        profit += size * (bid[0] - ask[0])
        ask_left -= size
        bid_left -= size
        if not ask_left:
            ask = next(asked, None)
            ask_left = ask[1] if ask else 0
        if not bid_left:
            bid = next(offered, None)
            bid_left = bid[1] if bid else 0
    # Whatever is left of one side would meet an unseen level of the other that is better than it.
    return _Deal(
        amount,
        profit,
        last_ask if bid is None else max(last_ask, bid[0] - 1),
        last_bid if ask is None else min(last_bid, ask[0] + 1),
    )
