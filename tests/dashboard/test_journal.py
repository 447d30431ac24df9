"""The event log: what lasts is told once, what flickers is counted."""

from dashboard.feed import Failure
from dashboard.journal import Journal
from dashboard.market import Book, decode
from tests.dashboard.conftest import SECOND, HandClock
from tests.dashboard.fake import book, venue


def of(bidder: int, bid: int, asker: int = 1) -> Book:
    entries = [venue("binance"), venue("bitstamp")]
    return decode(book([(bid, {bidder: 5})], [(100, {asker: 5})], entries), None)


OPEN, CROSSED, ITSELF = of(0, 99), of(0, 101), of(1, 101)


class Log:
    """A journal and its clock."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.journal = Journal(self.clock)
        self.journal.received(OPEN)

    def hears(self, told: Book, after_s: float = 0.1) -> list[str]:
        """What is written for a message that comes so much later."""
        before = len(self.journal.events)
        self.clock.forward(after_s)
        self.journal.received(told)
        return [event.text for event in self.journal.events[before:]]


def test_a_cross_between_venues_is_told_once_it_has_lasted() -> None:
    log = Log()
    assert log.hears(CROSSED) == []
    assert log.hears(CROSSED, 0.9) == []
    assert log.hears(CROSSED) == ["crossed for 1.0 s: bid of binance above ask of bitstamp"]
    assert log.hears(CROSSED, 5) == []
    assert log.hears(OPEN, 1) == ["no longer crossed, after 7.0 s"]


def test_crosses_that_do_not_last_are_counted() -> None:
    """Several a second would push everything else out of the log."""
    log = Log()
    for _ in range(40):
        assert log.hears(CROSSED) == []
        assert log.hears(OPEN) == []
    assert log.hears(CROSSED) == []
    assert log.hears(CROSSED, 1.2) == [
        "crossed for 1.2 s: bid of binance above ask of bitstamp; 40 shorter ones before"
    ]
    log.hears(OPEN)
    log.hears(CROSSED)
    assert log.hears(CROSSED, 1)[0].endswith("above ask of bitstamp"), "they are counted once"


def test_a_venue_that_crosses_itself_is_told_at_once() -> None:
    assert Log().hears(ITSELF) == ["bitstamp is crossed in itself: its feed cannot be right"]


def test_a_cross_does_not_last_through_an_outage() -> None:
    """What the book was like meanwhile is not known."""
    log = Log()
    log.hears(CROSSED)
    log.journal.ended(Failure("UNAVAILABLE", "gone"))
    assert log.hears(CROSSED, 60) == ["server: connected again"]
    log.journal.switched()
    assert len(log.hears(CROSSED, 60)) == 1, "the pair's first line alone"


def test_the_oldest_lines_go() -> None:
    log = Log()
    for number in range(600):
        log.journal.note(str(number))
    assert len(log.journal.events) == 500
    assert SECOND and log.journal.events[-1].text == "599"
