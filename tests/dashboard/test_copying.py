"""What a spreadsheet gets: exact decimals, one line a level."""

import pytest

from dashboard.copying import HEAD, best, table
from dashboard.market import decode
from dashboard.options import Options, Orientation, RowModel
from tests.dashboard.fake import book, market
from tests.dashboard.shown import picture
from tests.dashboard.test_rows import SCREENS, crossed


def test_the_visible_levels_as_a_table() -> None:
    lines = table(picture(SCREENS["live"])).splitlines()
    assert lines[0] == HEAD
    assert len(lines) == 1 + 18
    assert lines[9] == "ask\t64123.40\t1.7953\t1.7953\t115120.740020\tbinance:1.2047 kraken:0.5906"
    assert lines[10].startswith("bid\t64123.20\t2.3711\t2.3711\t")
    assert all(line.count("\t") == HEAD.count("\t") for line in lines)


@pytest.mark.parametrize(
    "options", [Options(sides=Orientation.BESIDE), Options(rows=RowModel.LADDER, group=3), Options(group=4)]
)
def test_every_visible_level_is_in_it(options: Options) -> None:
    for source in (SCREENS["live"], SCREENS["crossed"]):
        shown = picture(source, options)
        lines = table(shown).splitlines()[1:]
        assert len(set(lines)) == len(lines) > 2
        if source is SCREENS["crossed"]:
            assert len(lines) == len(shown.bids) + len(shown.asks)


def test_the_best_prices_in_one_line() -> None:
    assert best(decode(market(), None)).endswith(
        " BTC/USDT bid 64123.20x2.3711[binance,bitstamp] ask 64123.40x1.7953[binance,bitstamp] spread 0.20 0.03bp"
    )
    assert best(decode(crossed(), None)).endswith("spread -1.2 -0.19bp")
    one = decode(book([(100, {0: 1})], net_of_fees=True), None)
    assert one.asks == ()
    assert best(one).endswith("bid 1.00x0.0001[binance] ask ─ spread ─ ─bp net of fees")
