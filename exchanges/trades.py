"""Trades on the connections of the books: their subscriptions, and their way to the tape of their pair.

A venue that refuses its trades, or tells nothing of them, never hurts a book: that is told on the tape, and asked
again later. Trades are no sign that the stream of a book lives.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence

from book import Print, TradeTape
from exchanges.actions import Action, Send, Timer, TradeAction, Traded, TradesMissed, TradesStand

TRADES = "trades"  # the purpose of the timers that ask again
_TOGETHER_S = 1.0  # pairs that are added while the connection stands share a request
_AGAIN_S, _AGAIN_CAP_S = 30.0, 3600.0  # for streams that do not stand, twice as long each time
_NOT_ACKNOWLEDGED = "the venue does not acknowledge the subscription to trades"
_EARLY = 10_000  # trades of a connection that has yet to take over; beyond them the oldest go

Ask = Callable[[Sequence[str]], Sequence[Send]]


class TradeStreams:
    """Which symbols' trades one connection brings. Owned by its thread, a part of its protocol.

    Nothing is subscribed unless it is `wanted`, which is said before the connection opens.
    """

    def __init__(self, subscribe: Ask, unsubscribe: Ask) -> None:
        self.wanted = False
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._stand: set[str] = set()
        self._waiting: dict[str, str] = {}  # asked for, by symbol: why they were refused; "": no answer yet
        self._again_s = _AGAIN_S
        self._number = itertools.count(1)
        self._timer = 0  # the number of the one that runs; 0: none does
        self._added: list[str] = []  # to be asked for together
        self._soon = 0  # the number of the timer that does so

    def add(self, symbols: Sequence[str]) -> list[Action]:
        """Asks for the trades of these soon: where requests are counted, those for books come first."""
        if not (self.wanted and symbols):
            return []
        self._added += symbols
        if self._soon:
            return []
        self._soon = next(self._number)
        return [Timer("", self._soon, TRADES, _TOGETHER_S)]

    def begin(self, symbols: Sequence[str]) -> list[Action]:
        """Asks for the trades of these."""
        sends = self._subscribe(symbols) if self.wanted and symbols else ()
        if not sends:
            return []
        self._waiting.update(dict.fromkeys(symbols, ""))
        return [*sends, *([] if self._timer else [self._later(_AGAIN_S)])]

    def end(self, symbols: Sequence[str]) -> list[Action]:
        """Wants them no longer; what still comes is ignored."""
        known = [symbol for symbol in symbols if symbol in self._stand or symbol in self._waiting]
        self._added = [symbol for symbol in self._added if symbol not in symbols]
        for symbol in known:
            self._stand.discard(symbol)
            self._waiting.pop(symbol, None)
        return list(self._unsubscribe(known)) if known else []

    def closed(self) -> None:
        """The connection is gone, and with it all that was asked."""
        self._stand.clear()
        self._waiting.clear()
        self._added.clear()
        self._timer = self._soon = 0
        self._again_s = _AGAIN_S

    def is_awaited(self, symbol: str) -> bool:
        """Whether the venue has yet to answer."""
        return self._waiting.get(symbol) == ""

    def acknowledged(self, symbols: Iterable[str]) -> list[Action]:
        """From now on every trade of these comes; those that nobody asked for are ignored."""
        stand = [symbol for symbol in symbols if self._waiting.pop(symbol, None) is not None]
        self._stand.update(stand)
        return [TradesStand(symbol) for symbol in stand]

    def refused(self, symbols: Iterable[str], reason: str) -> list[Action]:
        """The venue does not give them now."""
        refused = [symbol for symbol in symbols if symbol in self._waiting]
        self._waiting.update(dict.fromkeys(refused, reason))
        return [TradesMissed(symbol, f"trades refused: {reason}") for symbol in refused]

    def traded(self, symbol: str, prints: Sequence[Print]) -> list[Action]:
        """Trades came; a stream that speaks has been taken, whatever became of the acknowledgement."""
        if symbol in self._stand:
            return [Traded(symbol, prints)]
        return [*self.acknowledged([symbol]), Traded(symbol, prints)] if symbol in self._waiting else []

    def begun(self, symbol: str, past: Sequence[Print]) -> list[Action]:
        """The stream begins with what was before it: that closes the gap, where it can, which standing would tell."""
        if symbol in self._stand:
            return [Traded(symbol, past)]
        stand = self.acknowledged([symbol])
        return [Traded(symbol, past), *stand] if stand else []

    def missed(self, symbol: str, reason: str) -> list[Action]:
        """A trade of `symbol` may have been lost."""
        return [TradesMissed(symbol, reason)] if symbol in self._stand else []

    def all_missed(self, reason: str) -> list[Action]:
        """A trade of any symbol may have been lost."""
        return [TradesMissed(symbol, reason) for symbol in sorted(self._stand)]

    def timeout(self, number: int) -> list[Action]:
        """Asks for those that were added; and again, ever more seldom, for those that do not stand."""
        if number == self._soon:
            self._soon = 0
            added, self._added = self._added, []
            return self.begin(added)
        if number != self._timer:
            return []
        self._timer = 0
        if not self._waiting:
            self._again_s = _AGAIN_S
            return []
        silent = [symbol for symbol, reason in self._waiting.items() if not reason]
        actions: list[Action] = [TradesMissed(symbol, _NOT_ACKNOWLEDGED) for symbol in silent]
        self._again_s = min(2 * self._again_s, _AGAIN_CAP_S)
        return [*actions, *self._subscribe(list(self._waiting)), self._later(self._again_s)]

    def _later(self, delay_s: float) -> Timer:
        self._timer = next(self._number)
        return Timer("", self._timer, TRADES, delay_s)


class EarlyTrades:
    """The trades of one symbol that a connection brings before it takes over from another one."""

    def __init__(self) -> None:
        self._prints: list[tuple[Print, int]] = []  # each with its receipt
        self._stands_since_ns = 0  # 0: they do not yet
        self._missed: dict[str, None] = {}  # reasons

    def keep(self, action: TradeAction, received_ns: int) -> None:
        """Keeps what is to be told later."""
        if isinstance(action, Traded):
            self._prints += [(each, received_ns) for each in action.prints]
            if len(self._prints) > _EARLY:
                del self._prints[:-_EARLY]
                self._missed["more trades came than are kept while a connection is taken over"] = None
        elif isinstance(action, TradesStand):
            self._stands_since_ns = received_ns
        else:
            self._missed[action.reason] = None

    def tell(self, tape: TradeTape, venue: str, now_ns: int) -> None:
        """The connection has taken over: puts what is not there on the tape."""
        if self._stands_since_ns:
            tape.stand(venue, self._stands_since_ns)
        else:
            tape.lose(venue, "another connection took over, whose trades had not begun")
        for reason in self._missed:
            tape.miss(venue, reason, now_ns)
        tape.adopt(venue, self._prints, now_ns)
