"""Trades as lines."""

import csv
import json

from dashboard.trade_lines import CSV_HEADER, csv_line, entries, jsonl, table
from proto import orderbook_pb2 as pb
from tests.dashboard.fake import EPOCH_NS

TRADE = pb.Trade(
    venue="binance", pair="BTC/USDT", price="61250.4", amount="0.025", taker=pb.SELLER, id="42", venue_ns=EPOCH_NS,
    received_ns=EPOCH_NS + 5, applied_ns=EPOCH_NS + 6, sequence=7,
)  # fmt: skip
GAP = pb.TradeGap(
    venue="bitstamp", pair="BTC/USDT", sequence=6, from_ns=3, until_ns=EPOCH_NS, reason="connection lost, again"
)
COUNTED = pb.TradeGap(venue="binance", sequence=8, until_ns=EPOCH_NS, missing=0)


def test_entries_are_in_order() -> None:
    """Of their sequence; what was missed came before."""
    message = pb.Trades(trades=[TRADE], gaps=[GAP, COUNTED], missed=3)
    assert entries(message) == [3, GAP, TRADE, COUNTED]
    assert entries(pb.Trades()) == []


def test_the_table() -> None:
    """For the eye."""
    assert table(TRADE).split() == ["12:00:46.113", "binance", "sell", "61250.4", "0.025", "42"]
    assert table(pb.Trade(received_ns=EPOCH_NS, venue="x")).split() == ["12:00:46.113", "x", "?"]
    assert table(GAP) == "12:00:46.113  bitstamp  some may be missing: connection lost, again\n"
    assert table(3) == "  3 trades were missed: this client was too slow\n"


def test_jsonl() -> None:
    """Everything that is told; an unknown number is null, not 0."""
    assert json.loads(jsonl(TRADE)) == {
        "type": "trade", "pair": "BTC/USDT", "venue": "binance", "sequence": 7, "price": "61250.4",
        "amount": "0.025", "taker": "seller", "id": "42", "venue_ns": EPOCH_NS, "received_ns": EPOCH_NS + 5,
        "applied_ns": EPOCH_NS + 6,
    }  # fmt: skip
    assert json.loads(jsonl(GAP))["missing"] is None
    assert json.loads(jsonl(COUNTED))["missing"] == 0
    assert json.loads(jsonl(3)) == {"type": "missed", "missing": 3, "reason": "this client was too slow"}
    assert json.loads(jsonl(pb.Trade()))["taker"] is None


def test_csv() -> None:
    """A reader finds the fields by the header."""
    rows = list(csv.DictReader([CSV_HEADER + "\n", csv_line(TRADE), csv_line(GAP), csv_line(3)]))
    assert [row["type"] for row in rows] == ["trade", "gap", "missed"]
    assert (rows[0]["price"], rows[0]["taker"], rows[0]["reason"]) == ("61250.4", "seller", "")
    assert (rows[1]["reason"], rows[1]["missing"], rows[2]["missing"]) == ("connection lost, again", "", "3")
