"""Trades as rows: time, side, price, size, venue; breaks where some are missing. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.numbers import Format, amounts_of, clock, grouped, per_cent, scaled
from dashboard.rows import Role, Row, Span, blank, fitted
from dashboard.trades import PLACES, Break, Entry, Trade, TradeList, shown
from dashboard.venues import venue_role

FULL = 76  # cells: from here on with the value, the venue's name and the lag
SIDES = {1: ("▲", Role.BID), -1: ("▼", Role.ASK), 0: ("·", Role.QUIET)}


@dataclass(frozen=True, slots=True)
class Show:
    """What of the trades is shown. Amounts are decimal text in base."""

    aggregate: bool = True  # what one order took within a millisecond is one row
    least: str = ""  # smaller ones are left out; empty: none
    large: str = ""  # from here on a trade is marked; empty: none
    muted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raises ValueError, naming the value, where an amount is no number."""
        for text in (self.least, self.large):
            if text:
                scaled(text, 0)


def rows(
    trades: TradeList, width: int, height: int, show: Show, price_decimals: int, letters: Mapping[str, str]
) -> list[Row]:
    """Exactly `height` rows, newest first under the heads. `letters`: by the venue's name."""
    if height < 1:
        return []
    sheet = _Sheet(trades, width, show, price_decimals, letters)
    least = scaled(show.least, PLACES) if show.least else 0
    entries = shown(trades, height - 1, least, show.aggregate, show.muted)
    out = [sheet.heads()]
    above = ""
    for entry in entries:
        if isinstance(entry, Break):
            out.append(sheet.gap(entry))
            above = ""
        else:
            time = clock(entry.time_ns)
            out.append(sheet.line(entry, unrepeated(time, above)))
            above = time
    if not entries:
        out.append(Row(fitted([Span(f"   {_nothing(trades, show)}", Role.QUIET)], width)))
    return (out + [blank(width)] * height)[:height]


def _nothing(trades: TradeList, show: Show) -> str:
    if not len(trades):
        return "no trade yet"
    return f"no trade of {show.least} or more" if show.least else "no trade of the venues that are heard"


def unrepeated(time: str, above: str) -> str:
    """A time of day without what the row above says too: seconds and all of an equal second, hours and minutes."""
    if time[:9] == above[:9]:
        return " " * 8 + time[8:]
    if time[:6] == above[:6]:
        return " " * 6 + time[6:]
    return time


class _Sheet:
    """What the rows share."""

    def __init__(
        self, trades: TradeList, width: int, show: Show, price_decimals: int, letters: Mapping[str, str]
    ) -> None:
        self.width, self.letters = width, letters
        self.full = width >= FULL
        self.large = scaled(show.large, PLACES) if show.large else None
        self.size = amounts_of(2 * trades.largest, PLACES)
        self.price = Format(PLACES, min(price_decimals, PLACES))
        self.value = amounts_of(2 * trades.largest * trades.highest, 2 * PLACES, 11)
        self.size_cells = max(9, len(self.size.text(2 * trades.largest)))
        self.price_cells = max(9, len(self.price.text(2 * trades.highest)))
        self.names = list(letters)
        base, _, quote = trades.pair.partition("/")
        self.assets = (base, "" if quote.endswith("~") else quote)  # those of a group have each its own

    def heads(self) -> Row:
        """The names of the columns."""
        text = f"   {'time':<12}{'price':>{self.price_cells}}  {'size':>{self.size_cells}}"
        if self.full:
            text += f"  {f'value {self.assets[1]}'.strip():>14}"
        text += "  venue"
        return Row(fitted([Span(text.ljust(self.width), Role.HEAD)], self.width))

    def line(self, trade: Trade, time: str) -> Row:
        """One trade."""
        sign, role = SIDES[trade.taker]
        large = self.large is not None and trade.amount >= self.large
        size = Role.LARGE if large else Role.NORMAL
        letter = self.letters.get(trade.venue, "?")
        index = self.names.index(trade.venue) if trade.venue in self.letters else 0
        spans = [
            Span(f" {time} ", Role.QUIET),
            Span(f"{sign} {self.price.text(trade.price):>{self.price_cells}}", role),
            Span(f"  {self.size.text(trade.amount):>{self.size_cells}}", size),
        ]
        if self.full:
            spans.append(Span(f"  {self.value.text(trade.value):>14}", Role.QUIET))
        spans.append(Span(f"  {letter}", venue_role(index)))
        if self.full:
            spans.append(Span(f" {trade.venue}"))
        if trade.parts > 1:
            spans.append(Span(f" ×{trade.parts}", Role.QUIET))
        if large:
            spans.append(Span(" ◆ large", Role.LARGE))
        return Row(fitted(spans, self.width))

    def gap(self, entry: Break) -> Row:
        """A line across: whose trades are missing, how many, and why."""
        who = f"{self.letters.get(entry.venue, '?')} " if entry.venue else ""
        count = "" if entry.missing is None else f"{entry.missing:,} missing: "
        told = f" {clock(entry.time_ns)[:8]} ── {who}{count}{entry.text} "
        return Row(fitted([Span(told + "─" * max(0, self.width - len(told)), Role.WARN)], self.width))


def foot(trades: TradeList, muted: frozenset[str] = frozenset()) -> str:
    """The line in the panel's lower border: who was the more eager in the last minute, and how much was traded."""
    minute = trades.minute(muted)
    volume = minute.volume
    bound = "" if minute.whole else "≥"
    base = trades.pair.partition("/")[0]
    amount = amounts_of(volume, PLACES, 5).text(volume) if volume else "0"
    return f"buy {per_cent(minute.bought, minute.bought + minute.sold)} · 1m vol {bound}{amount} {base}".rstrip()


def letters_by_name(names: Sequence[str], marks: Sequence[str]) -> dict[str, str]:
    """The letter of each venue's name: trades name venues, not entries of a book."""
    out: dict[str, str] = {}
    for name, mark in zip(names, marks, strict=True):
        out.setdefault(name, mark if "/" in name else mark[:1])
    return out


def tail(entries: Sequence[Entry]) -> str:
    """Trades as tab-separated text, for copying."""
    lines = ["time\tside\tprice\tsize\tvenue"]
    for entry in entries:
        if isinstance(entry, Trade):
            side = {1: "buy", -1: "sell", 0: ""}[entry.taker]
            cells = (grouped(number, PLACES, "").rstrip("0").rstrip(".") for number in (entry.price, entry.amount))
            lines.append("\t".join((clock(entry.time_ns), side, *cells, entry.venue)))
    return "\n".join(lines) + "\n"
