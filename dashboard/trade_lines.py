"""Trades as text for scripts: a line each, and one for every gap. Pure; three functions a format.

An entry is a trade, a gap, or the number of entries that this client was too slow for.
"""

import csv
import io
import json
from collections.abc import Callable

from dashboard.market import plain
from dashboard.numbers import clock
from proto import orderbook_pb2 as pb

Entry = pb.Trade | pb.TradeGap | int

_CSV = (
    "type", "pair", "venue", "sequence", "venue_ns", "received_ns", "price", "amount", "taker", "id",
    "from_ns", "until_ns", "missing", "reason",
)  # fmt: skip
CSV_HEADER = ",".join(_CSV)
_TAKERS = {pb.BUYER: "buyer", pb.SELLER: "seller"}
_SLOW = "this client was too slow"


def entries(message: pb.Trades) -> list[Entry]:
    """What a message of one pair tells, in order."""
    told: list[pb.Trade | pb.TradeGap] = [*message.trades]
    told += message.gaps
    told.sort(key=lambda each: each.sequence)
    return [message.missed, *told] if message.missed else [*told]


def table(entry: Entry) -> str:
    """For the eye: the time of the venue, or ours where it tells none."""
    if isinstance(entry, int):
        return f"  {entry} trades were missed: {_SLOW}\n"
    if isinstance(entry, pb.TradeGap):
        return f"{clock(entry.until_ns)}  {entry.venue:<9} some may be missing: {plain(entry.reason)}\n"
    at = clock(entry.venue_ns or entry.received_ns)
    side = {pb.BUYER: "buy", pb.SELLER: "sell"}.get(entry.taker, "?")
    return f"{at}  {entry.venue:<9} {side:<4} {entry.price:>12} {entry.amount:>14}  {plain(entry.id)}\n"


def jsonl(entry: Entry) -> str:
    """One object an entry; `type` is trade, gap or missed. Prices and amounts are decimal strings."""
    return json.dumps(_facts(entry), ensure_ascii=False, separators=(",", ":")) + "\n"


def csv_line(entry: Entry) -> str:
    """One line an entry; what an entry has not is empty."""
    out = io.StringIO()
    csv.DictWriter(out, _CSV, lineterminator="\n", extrasaction="ignore").writerow(_facts(entry))
    return out.getvalue()


FORMATS: dict[str, Callable[[Entry], str]] = {"table": table, "jsonl": jsonl, "csv": csv_line}


def _facts(entry: Entry) -> dict[str, object]:
    if isinstance(entry, int):
        return {"type": "missed", "missing": entry, "reason": _SLOW}
    common = {"pair": entry.pair, "venue": entry.venue, "sequence": entry.sequence}
    if isinstance(entry, pb.TradeGap):
        return {
            "type": "gap",
            **common,
            "from_ns": entry.from_ns,
            "until_ns": entry.until_ns,
            "missing": entry.missing if entry.HasField("missing") else None,
            "reason": entry.reason,
        }
    return {
        "type": "trade",
        **common,
        "price": entry.price,
        "amount": entry.amount,
        "taker": _TAKERS.get(entry.taker),
        "id": entry.id,
        "venue_ns": entry.venue_ns,
        "received_ns": entry.received_ns,
        "applied_ns": entry.applied_ns,
    }
