"""The collector's longest pause in a loaded server: as Python leaves it, and as server.py sets it up."""

import gc
import statistics
import time
from typing import Any

import msgspec

from bench.market import LOT, PAIR, TICK, SeededMarket, instrument
from bench.measure import Bar, Plan, Row, as_the_server_runs, microseconds
from book import PairBooks, Stamps, State
from exchanges.binance import Binance

_LISTED = 3000  # pairs in the catalog that a server holds
_PAIRS = 10
_BAR = Bar(0.1, at_least=False)


def collector(name: str, plan: Plan) -> list[Row]:
    """CPU of one full collection after server.tune_interpreter(), over one before it, in a process of that size."""
    loaded = _load(plan)
    before, after = [], []
    for _ in range(plan.rounds):
        gc.collect()
        before.append(_pause())
        with as_the_server_runs():
            after.append(_pause())
    ratio = statistics.median(_BAR.ratio(*times) for times in zip(after, before, strict=True))
    objects = len(gc.get_objects())
    del loaded
    return [
        Row(
            name,
            f"full collection over {objects} objects: tuned / untuned",
            f"tuned {microseconds(statistics.median(after))}",
            f"untuned {microseconds(statistics.median(before))}",
            ratio,
            str(_BAR),
            _BAR.holds(ratio),
        )
    ]


def _pause() -> float:
    """CPU seconds of one full collection."""
    start = time.process_time()
    gc.collect()
    return time.process_time() - start


def _load(plan: Plan) -> list[Any]:
    """What a server of a few pairs on two venues keeps: catalog, books, views."""
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": str(TICK), "maxPrice": "1000000"},
        {"filterType": "LOT_SIZE", "stepSize": str(LOT)},
    ]
    symbols = [
        {"symbol": f"A{n}B", "status": "TRADING", "baseAsset": f"A{n}", "quoteAsset": "B", "filters": filters}
        for n in range(_LISTED)
    ]
    held: list[Any] = [Binance().parse_catalog(msgspec.json.encode({"symbols": symbols}))]
    for number in range(_PAIRS):
        pair_books = PairBooks(PAIR)
        for venue in ("binance", "bitstamp"):
            book = pair_books.add(venue, instrument(venue))
            with pair_books:
                book.load(*SeededMarket(plan.seed + number, plan.levels).book(), 1, Stamps(1, 2, 3))
                book.become(State.LIVE, "", 3)
        held += [pair_books, pair_books.view(10)]
    return held
