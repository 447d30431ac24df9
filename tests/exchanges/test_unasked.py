"""Silent books for which the venue's limits leave no request: they are not shown as live for ever."""

import heapq
import itertools
import random
import time
from collections.abc import Sequence
from typing import Any

import pytest

from book import State
from exchanges.actions import Action, Fetch, Snapshot, Timer
from exchanges.bitstamp import Bitstamp
from exchanges.budget import Budget
from exchanges.errors import NoBudget
from exchanges.kraken import Kraken
from exchanges.probe import Diff, Prober
from exchanges.rest import Answer, Request, RestClient
from tests.exchanges.desk import Desk, bitstamp, bitstamp_snapshot, diff
from tests.exchanges.test_streamed import Probing, frame
from tests.exchanges.test_streamed import live as live_stream
from tests.exchanges.web import Web

SECOND = 10**9
STAMP = 1_790_000_000_000_000


def live(gap_s: float = 0.5) -> Desk:
    """A live book of Bitstamp at STAMP, with an update every `gap_s` so far."""
    desk = Desk(bitstamp()).open()
    stamps = [STAMP - round(each * gap_s * 1e6) for each in range(100, -1, -1)]
    desk.frame(diff(stamps[0]))
    desk.answer(bitstamp_snapshot(stamps[0]))
    for stamp in stamps[1:]:
        desk.frame(diff(stamp))
    desk.expire("probe")
    return desk


def unasked(desk: Desk, rounds: int) -> list[tuple[float, float]]:
    """Silent rounds without budget, at most so many while it is live: how long they lasted, and shares asked for."""
    seen, passed_s = [], 0.0
    for _ in range(rounds):
        if desk.state is not State.LIVE:
            break
        passed_s += next(timer.delay_s for timer in desk.timers if timer.purpose == "probe")
        desk.expire("probe")
        while desk.fetches and desk.fetches[-1].probe:
            seen.append((passed_s, desk.fetches[-1].share))
            desk.note(desk.feed.failed(desk.fetches.pop(), "no budget", 0.0, postponed=True))
    return [*seen, (passed_s, 0.0)]


@pytest.mark.parametrize(
    ("gap_s", "least_s", "most_s"), [(0.1, 6, 9), (1.0, 10, 12), (4.0, 40, 46), (20.0, 200, 216)]
)
def test_a_silence_that_nobody_can_explain_ends(gap_s: float, least_s: float, most_s: float) -> None:
    """After ten usual silences the book is hidden and says why; the snapshot after it may use all budget."""
    desk = live(gap_s)
    passed_s = unasked(desk, 1000)[-1][0]
    assert desk.state is State.STALE
    assert desk.book.reason.startswith("no update for "), desk.book.reason
    assert desk.book.reason.endswith("no budget to ask whether the market is quiet or the stream dead")
    assert least_s <= passed_s <= most_s
    assert (desk.levels(), [fetch.share for fetch in desk.fetches], desk.reconnects) == (((), ()), [1.0], [])


def test_what_waits_longest_may_use_most() -> None:
    """The share of the budget that a question may use grows with what has passed of the bound."""
    shares = [share for _, share in unasked(live(20.0), 1000)[:-1]]
    assert shares == sorted(shares)
    assert 0.4 < shares[0] < 0.5
    assert 0.9 < shares[-1] <= 0.95


def test_the_snapshot_tells_that_the_market_was_quiet() -> None:
    """It is where the stream was: live again."""
    desk = live()
    unasked(desk, 10)
    desk.answer(bitstamp_snapshot(STAMP))
    assert (desk.state, desk.reconnects) == (State.LIVE, [])


def test_the_snapshot_tells_that_the_stream_is_dead() -> None:
    """The venue has moved on, and nothing was heard: another connection is tried."""
    desk = live()
    unasked(desk, 10)
    desk.answer(bitstamp_snapshot(STAMP + 5))
    assert desk.state is State.STALE
    assert desk.book.reason == f"the venue is at {STAMP + 5}, and the stream still says nothing"
    assert (len(desk.reconnects), desk.levels()) == (1, ((), ()))
    desk.frame(diff(STAMP + 6))
    desk.answer(bitstamp_snapshot(STAMP + 6))
    assert desk.book.state.value == "live"


def test_a_stream_that_has_spoken_meanwhile_is_not_dead() -> None:
    """What came before the snapshot is joined to it."""
    desk = live()
    unasked(desk, 10)
    desk.frame(diff(STAMP + 5))
    desk.answer(bitstamp_snapshot(STAMP + 5))
    assert (desk.state, desk.book.position, desk.reconnects) == (State.LIVE, STAMP + 5, [])


def test_a_book_that_was_confirmed_is_believed_as_long_again() -> None:
    """Its market has been quiet for so long already; with every answer longer, up to ten minutes."""
    desk = live()
    for _ in range(100):
        desk.expire("probe")
        if desk.fetches:
            desk.answer(bitstamp_snapshot(STAMP))
    passed_s = unasked(desk, 1000)[-1][0]
    assert desk.state is State.STALE
    assert 280 < passed_s < 330


def test_an_answer_begins_the_count_anew() -> None:
    """And so does a diff."""
    desk = live()
    unasked(desk, 1)
    desk.expire("probe")
    desk.answer(bitstamp_snapshot(STAMP))
    assert unasked(desk, 1)[-1] == (3.0, 0.0)
    desk.frame(diff(STAMP + 1))
    desk.expire("probe")
    assert unasked(desk, 1)[0][0] == 3.0
    assert desk.state is State.LIVE


def test_a_request_without_an_answer_confirms_nothing() -> None:
    """Half a minute in the queue, or on a connection that hangs: the book is hidden as if it had failed."""
    desk = live()
    for _ in range(10):
        desk.expire("probe")
    assert desk.state is State.LIVE
    desk.expire("probe")
    assert desk.book.state is State.STALE
    assert "no REST book to tell quiet from dead" in desk.book.reason


def test_a_stream_with_its_own_snapshot_is_begun_anew() -> None:
    """That costs no budget, and tells the same."""
    protocol = Probing()
    desk = live_stream(protocol)
    prober = protocol.books["A"].prober
    assert prober
    for number in range(20):  # the messages of this venue have no stamps
        prober._pace.note(STAMP + number * SECOND)
    unasked(desk, 20)
    assert (desk.state, desk.sent, desk.reconnects) == (State.STALE, ["unsub A", "sub A"], [])
    desk.frame(frame("A", "s", 300, [[9, 1]]))
    assert desk.book.state.value == "live"


def test_a_refusal_for_want_of_budget_comes_at_once(web: Web) -> None:
    """Though all threads of the pool wait for the budget: here none has even been started."""
    client = RestClient(Bitstamp(), web.url)
    answers: list[Answer] = []
    for _ in range(405):
        client.budget.delay_s(1, time.monotonic())
    client.submit(Request("/", 1, 0.75), lambda answer, _: answers.append(answer))
    client.stop()
    assert [type(answer) for answer in answers] == [NoBudget]
    assert client.waiting <= 4


class Venue:
    """Many probers on one clock and one budget; each book changes by chance, and some streams die."""

    def __init__(self, venue: type[Bitstamp | Kraken], books: int, mean_gap_s: float, spent: int = 0) -> None:
        self.now_s = 0.0
        self.budget = Budget(venue.limits.weight, venue.limits.window_s)
        self._audits = venue is Bitstamp
        for _ in range(spent):
            self.budget.delay_s(1, 0.0)
        self.unsure: list[tuple[float, str]] = []
        self.answered = 0
        self.dead: set[str] = set()
        self._dice = random.Random(1)
        self._mean_gap_s = mean_gap_s
        self._order = itertools.count()
        self._due: list[tuple[float, int, str, Any]] = []
        self._probers = {f"S{number}": self._prober(f"S{number}") for number in range(books)}
        for symbol, prober in self._probers.items():
            self._take(symbol, prober.start(0))
            self._later(self._dice.expovariate(1 / mean_gap_s), symbol, "change")

    def _prober(self, symbol: str) -> Prober:
        def unsure(reason: str) -> list[Action]:
            self.unsure.append((self.now_s, symbol))
            return self._probers[symbol].start(self._probers[symbol].recent.position)

        def ask(number: int, deep: bool) -> Fetch:
            return Fetch(symbol, number, "/", 1)

        return Prober(symbol, ask, unsure, unsure, shortest_s=3.0, audits=self._audits)

    def _later(self, after_s: float, symbol: str, what: Any) -> None:
        heapq.heappush(self._due, (self.now_s + after_s, next(self._order), symbol, what))

    def _take(self, symbol: str, actions: Sequence[Action]) -> None:
        prober = self._probers[symbol] if symbol in getattr(self, "_probers", {}) else None
        for action in actions:
            if isinstance(action, Timer):
                self._later(action.delay_s, symbol, action)
            elif isinstance(action, Fetch) and prober:
                if self.budget.delay_s(1, self.now_s, action.share) == 0:
                    self.answered += 1
                    self._take(symbol, prober.told(action.generation, self._rest_book(prober)))
                else:
                    self._take(symbol, prober.failed(action.generation, postponed=True))

    def _rest_book(self, prober: Prober) -> Snapshot:
        return Snapshot(prober.recent.position, [], [], 0, None, None)

    def run(self, until_s: float) -> "Venue":
        """Until then."""
        while self._due[0][0] <= until_s:
            self.now_s, _, symbol, what = heapq.heappop(self._due)
            prober = self._probers[symbol]
            if isinstance(what, Timer):
                self._take(symbol, prober.timeout(what.generation, what.purpose))
            elif symbol not in self.dead:
                self._later(self._dice.expovariate(1 / self._mean_gap_s), symbol, "change")
                position = prober.recent.position + 1
                now_ns = round((1_790_000_000 + self.now_s) * SECOND)
                self._take(symbol, prober.applied(Diff(position, position, [], [], now_ns)))
        return self


@pytest.mark.parametrize(
    ("venue", "books", "mean_gap_s", "spent"),
    [
        (Bitstamp, 250, 1e9, 250),  # more than it lists; all have just had their snapshots
        (Bitstamp, 250, 600.0, 250),
        (Bitstamp, 250, 60.0, 250),
        (Kraken, 400, 120.0, 0),
    ],
)
def test_hundreds_of_quiet_books_take_turns(venue: Any, books: int, mean_gap_s: float, spent: int) -> None:
    """Far more questions than the limits allow: over two hours none of the books is hidden."""
    life = Venue(venue, books, mean_gap_s, spent).run(2 * 3600)
    assert life.unsure == []
    assert life.answered > books


def test_a_busy_book_among_them_is_hidden_soon() -> None:
    """Where others have used up all there is."""
    venue = Venue(Bitstamp, 4, 0.3, 0).run(60)
    for _ in range(540):
        venue.budget.delay_s(1, venue.now_s)
    venue.dead.add("S0")
    venue.run(75)
    assert [symbol for _, symbol in venue.unsure][:1] == ["S0"]
    assert venue.unsure[0][0] <= 60 + 9 + 3
