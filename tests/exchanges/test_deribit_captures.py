"""Recorded sessions of Deribit through the unchanged protocol object, and through a replay that shares no code.

The sessions of 2021 are of an older dialect in one respect: anybody could subscribe to `raw` books then, which tell
every change alone, and the client that was recorded did. The channel's name is put into the present form here. The
examples of 2019 lack the `type` of a book's message besides.
"""

import json
from decimal import Decimal
from typing import Any

import pytest

from book import Instrument, State
from exchanges.deribit import Deribit
from tests.captures import MARKS, RECORDINGS, Sides, assert_equal, deribit_present, read, recording, shown, total
from tests.exchanges.deribit_frames import DeribitDesk, deribit, whole

pytestmark = MARKS

# Of each session: messages of books, changes that continued the one before, levels in the final books.
SESSIONS = {
    "options 2021-04-05": (187, 177, 62),
    "options 2021-04-17": (56, 46, 62),
}


def test_all_are_looked_at() -> None:
    """Every recording of this venue stands in the table above."""
    assert list(SESSIONS) == list(RECORDINGS["deribit"])


def frames(name: str) -> list[bytes]:
    """All that a session received, in the present dialect."""
    return [line.body for line in recording("deribit", name).lines]


def told(frame: bytes) -> Any:
    """The book that a frame tells of, numbers in Decimal; None: of none."""
    params = json.loads(frame, parse_float=Decimal).get("params", {})
    return params["data"] if params.get("channel", "").startswith("book.") else None


def symbols(name: str) -> list[str]:
    """The instruments of a session."""
    return sorted({data["instrument_name"] for frame in frames(name) if (data := told(frame))})


class Replay:
    """All books by the plainest means."""

    def __init__(self) -> None:
        self.books: dict[str, Sides] = {}
        self.ids: dict[str, int] = {}
        self.links = 0

    def take(self, data: Any) -> None:
        """One message of a book."""
        symbol = data["instrument_name"]
        if data["type"] == "snapshot":
            self.books[symbol] = {}, {}
        else:
            assert data["prev_change_id"] == self.ids[symbol], "the recording itself has a gap"
            self.links += 1
        self.ids[symbol] = data["change_id"]
        for side, entries in zip(self.books[symbol], (data["bids"], data["asks"]), strict=True):
            for verb, price, amount in entries:
                if verb == "delete":
                    del side[Decimal(price)]  # raises for a level that is not there
                else:
                    assert (verb == "change") == (Decimal(price) in side)
                    side[Decimal(price)] = Decimal(amount)


@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
@pytest.mark.parametrize("name", SESSIONS)
def test_a_session(name: str, max_price: str | None) -> None:
    """All ten books are live, every link of the chain holds, and after each message the book is the replayed one."""
    messages, links, levels = SESSIONS[name]
    desk, replay = DeribitDesk(deribit(*symbols(name), max_price=max_price)).open(), Replay()
    for frame in frames(name):
        assert desk.frame(frame) == [] or b'"snapshot"' in frame
        data = told(frame)
        if data:
            replay.take(data)
            symbol = data["instrument_name"]
            assert desk.books[symbol].state is State.LIVE
            assert desk.books[symbol].position == replay.ids[symbol]
            assert desk.books[symbol].stamps.venue_ns == data["timestamp"] * 10**6
            assert shown(desk.books[symbol]) == replay.books[symbol]
    assert len(desk.books) == len(replay.books) == 10
    for symbol, sides in replay.books.items():
        assert_equal(desk.books[symbol], sides)
    assert sum(len(side) for sides in replay.books.values() for side in sides) == levels
    sums = total(desk.books.values())
    assert (sums.updates, replay.links) == (messages, links)
    assert (sums.gaps, sums.ignored, sums.garbage, sums.crossed, sums.resyncs, sums.unknown_removals) == (0,) * 6
    assert desk.sent == []


@pytest.mark.parametrize("name", SESSIONS)
def test_each_lost_message_of_a_session_is_found(name: str) -> None:
    """Whichever change is left out: the next one of that book, and of no other, is a gap."""
    session = [frame for frame in frames(name) if told(frame)]
    listed = symbols(name)
    found = 0
    for index, lost in enumerate(session):
        symbol = told(lost)["instrument_name"]
        following = [frame for frame in session[index + 1 :] if told(frame)["instrument_name"] == symbol]
        if told(lost)["type"] == "snapshot" or not following:
            continue
        desk = DeribitDesk(deribit(*listed)).open()
        for frame in [*session[:index], following[0]]:
            desk.frame(frame)
        assert [each for each, book in desk.books.items() if book.state is State.GAP] == [symbol]
        found += 1
    assert found == SESSIONS[name][1] - len(
        {told(frame)["instrument_name"] for frame in session if told(frame)["type"] == "change"}
    )


def test_the_catalog() -> None:
    """Real lists of 2021 and 2022: the perpetuals among a thousand options and futures, with their steps."""
    catalogs = [line for line in read(["deribit/cryptofeed__DERIBIT.0@20220529"]) if line.url]
    rows: dict[str, Any] = {}
    ours: dict[str, Instrument] = {}
    for line in catalogs:
        rows |= {row["instrument_name"]: row for row in json.loads(line.body, parse_float=Decimal)["result"]}
        ours |= {each.symbol: each for each in Deribit().parse_catalog(line.body)}
    assert len(rows) == 1017
    assert set(ours) == {name for name in rows if name.endswith("-PERPETUAL")}
    assert len(ours) == 19
    for name, each in ours.items():
        row = rows[name]
        assert each.tick_size == Decimal(row["tick_size"])
        assert each.lot_size == min(Decimal(row["contract_size"]), Decimal(row["min_trade_amount"]))
        assert each.trading == row["is_active"]
        kind = "INVERSE" if row["quote_currency"] == "USD" else "PERP"
        assert str(each.pair) == f"{row['base_currency']}/{row['quote_currency']}-{kind}"
    assert str(ours["BTC-PERPETUAL"].pair) == "BTC/USD-INVERSE"
    assert str(ours["BTC_USDC-PERPETUAL"].pair) == "BTC/USDC-PERP"


def test_shapes() -> None:
    """Messages of 2019 to 2022 that another program keeps as examples, shortened: each book's is understood.

    A never traded instrument really begins at 0, and a whole book may name a predecessor.
    """
    desk = DeribitDesk(deribit("ETH-PERPETUAL", "ETH-10SEP21-3350-P", "LINK_USDC-PERPETUAL")).open()
    desk.frame(whole(0, (), (), "ETH-10SEP21-3350-P"))
    outcomes = []
    for line in read(["deribit/tardis-node__mappers_deribit.jsonl"]):
        frame = deribit_present(line.body)
        data = told(frame)
        if data and "type" not in data:
            kind = b"change" if "prev_change_id" in data else b"snapshot"
            frame = frame.replace(b'"data":{', b'"data":{"type":"%s",' % kind)
        desk.frame(frame)
        if data:
            outcomes.append((data["instrument_name"], desk.books[data["instrument_name"]].state))
    assert outcomes == [
        ("ETH-PERPETUAL", State.LIVE),
        ("ETH-PERPETUAL", State.GAP),
        ("ETH-10SEP21-3350-P", State.LIVE),
        ("LINK_USDC-PERPETUAL", State.LIVE),
    ]
    assert desk.books["ETH-10SEP21-3350-P"].position == 14617771529
    assert total(desk.books.values()).garbage == 0
