"""What the two best prices tell. Each function is an analytic: an ExactBook in, figures out."""

from decimal import Decimal
from fractions import Fraction

from book.analytics.exact import ExactBook
from book.analytics.figure import BPS, MORE_DIGITS, Figure, decimal, in_bps, rounded


def mid(book: ExactBook) -> Figure:
    """(best bid + best ask) / 2, in quote; exact. Also where venues cross: it lies between the two all the same.

    None with an empty side, or where a venue's known depth is used up so that its best price is not known.
    """
    touch = book.touch
    if isinstance(touch, str):
        return Figure.none(book.pair.quote, touch)
    return Figure(decimal((touch.bid + touch.ask) * 5, book.price_decimals + 1), book.pair.quote)


def microprice(book: ExactBook) -> Figure:
    """(bid * ask amount + ask * bid amount) / (bid amount + ask amount), in quote.

    The mid weighted by the opposite amounts, those of all venues at the best prices: it leans to the side that is
    about to be used up (Gatheral and Oomen, Zero-intelligence realized variance estimation, 2010). None where mid
    is None, and where venues cross: then the amounts would meet instead of wait.
    """
    touch = book.touch
    if isinstance(touch, str):
        return Figure.none(book.pair.quote, touch)
    if touch.crossed:
        return Figure.none(book.pair.quote, "venues cross: the best bid is above the best ask")
    weighted = touch.bid * touch.ask_amount + touch.ask * touch.bid_amount
    return Figure(price(book, Fraction(weighted, touch.bid_amount + touch.ask_amount)), book.pair.quote)


def spread(book: ExactBook) -> Figure:
    """Best ask - best bid, in quote; exact, negative where venues cross. None where mid is None."""
    touch = book.touch
    if isinstance(touch, str):
        return Figure.none(book.pair.quote, touch)
    return Figure(book.price(touch.ask - touch.bid), book.pair.quote)


def spread_bps(book: ExactBook) -> Figure:
    """(best ask - best bid) / mid * 10,000; negative where venues cross. None where mid is None."""
    touch = book.touch
    if isinstance(touch, str):
        return Figure.none(BPS, touch)
    return Figure(in_bps(Fraction(2 * (touch.ask - touch.bid), touch.ask + touch.bid)), BPS)


def net_bid(book: ExactBook) -> Figure:
    """The most that a seller gets for one unit, taker fee paid: the largest bid * (1 - fee), in quote; exact.

    None where mid is None for the book of net prices, and where a venue's fee is not known.
    """
    return _net(book, 0)


def net_ask(book: ExactBook) -> Figure:
    """The least that a buyer pays for one unit, taker fee included: the smallest ask * (1 + fee), in quote; exact.

    None as for net_bid.
    """
    return _net(book, 1)


def net_spread_bps(book: ExactBook) -> Figure:
    """spread_bps of the net prices: what buying and selling at once costs, fees paid; negative: it brings money.

    None as for net_bid.
    """
    if book.unpriced:
        return Figure.none(BPS, book.unpriced)
    return spread_bps(book.net)


def price(book: ExactBook, units: Fraction) -> Decimal:
    """A price that a division made, rounded."""
    return rounded(units / 10**book.price_decimals, book.price_decimals + MORE_DIGITS)


def _net(book: ExactBook, side: int) -> Figure:
    if book.unpriced:
        return Figure.none(book.pair.quote, book.unpriced)
    touch = book.net.touch
    if isinstance(touch, str):
        return Figure.none(book.pair.quote, touch)
    return Figure(book.net.price(touch[side]), book.pair.quote)
