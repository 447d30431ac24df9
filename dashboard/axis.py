"""The ladder on a fixed price axis: a row for each step, whether anybody stands there or not. Pure."""

from collections.abc import Sequence

from dashboard.cursor import Both, Cursor, named
from dashboard.grouping import Group, Groups
from dashboard.place import Place, limits
from dashboard.rows import Fill, Role, Row, Span, blank, fitted
from dashboard.rungs import Rung
from dashboard.sheet import Sheet

LIMIT = "╴"  # on the price column: the mid moves the axis when it leaves the rows between these


def rows(
    groups: Groups, sheet: Sheet, place: Place, lines: int, bids: Sequence[Rung], asks: Sequence[Rung]
) -> tuple[list[tuple[Row, Cursor | Both | None]], int]:
    """`lines` rows, and by how many rows the nearest best price is out of sight: above (below 0), below, or 0."""
    top, step = place.top, groups.step
    if top is None:
        return [(blank(sheet.width), None)] * lines, 0
    bottom = top - (lines - 1) * step
    own = {True: {rung.price: rung for rung in bids}, False: {rung.price: rung for rung in asks}}
    sheet.measure(*([rung for rung in side if bottom <= rung.price <= top] for side in (bids, asks)))
    marked = set(limits(lines)) if sheet.options.autocentre and not place.held else set()
    out: list[tuple[Row, Cursor | Both | None]] = []
    for index in range(lines):
        price = top - index * step
        bid, ask = own[True].get(price), own[False].get(price)
        out.append((_line(sheet, price, bid, ask, index in marked), _target(bid, ask)))
    best = [side[0].price for side in (bids, asks) if side]
    if not best or any(bottom <= price <= top for price in best):
        return out, 0
    if min(best) > top:
        nearest = asks[0].price if asks else min(best)
        return out, -((nearest - top) // step)
    if max(best) < bottom:
        nearest = bids[0].price if bids else max(best)
        return out, (bottom - nearest) // step
    return out, 0  # the window lies inside the spread


def _target(bid: Rung | None, ask: Rung | None) -> Cursor | Both | None:
    if bid is not None and ask is not None:
        return Both(named(bid), named(ask))
    rung = bid or ask
    return None if rung is None else named(rung)


def _line(sheet: Sheet, price: int, bid: Rung | None, ask: Rung | None, limit: bool) -> Row:
    columns = sheet.columns
    empty = Span(sheet.gap + " " * columns.size)
    mark = [Span(sheet.gap[:-1]), Span(LIMIT if limit else " ", Role.AXIS)]
    rung = bid if ask is None else ask
    if rung is None:
        text = f"{sheet.formats.price_text(price):>{columns.price}}"
        return Row(fitted([empty, *mark, Span(text, Role.QUIET)], sheet.width))
    left = sheet.size(bid) if bid else [empty]
    right = sheet.size(ask) if ask else [empty]
    both = bid is not None and ask is not None
    sums = [Span(" " * sum(len(span.text) for span in sheet.sums(rung)))] if both else sheet.sums(rung)
    who = rung
    if bid is not None and ask is not None:
        who = rung._replace(group=Group(price, 0, 0, (*ask.group.parts, *bid.group.parts)))
    spans = [*left, *mark, *sheet.price(rung)[1:], *right, *sums, *sheet.venues(who)]
    row = sheet.finished(rung, spans)
    if both and bid is not None and sheet.selected(bid):
        return Row(row.spans, row.fill, row.fill_role, (Fill(0, sheet.width, Role.CURSOR),))
    return row
