"""Budgets of a number of events per address in a window, as venues set them for connects and for requests."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import ClassVar, Final

CONNECTS_WINDOW_S: Final = 300
REQUESTS_WINDOW_S: Final = 600
BURST_WINDOW_S: Final = 1


@dataclass(slots=True)
class _Account:
    seconds: deque[list[int]] = field(default_factory=deque)  # [second, events], oldest first
    used: int = 0


@dataclass(slots=True)
class Budget:
    """At most ``limit`` events per address in any ``window_s`` seconds, counted by whole seconds; 0: no limit.

    What is refused does not count: who keeps trying gets in as soon as the window allows. At most `ADDRESSES` are
    remembered.
    """

    limit: int
    window_s: int
    _accounts: OrderedDict[str, _Account] = field(default_factory=OrderedDict)
    ADDRESSES: ClassVar[int] = 1024

    def admit(self, address: str, now_s: float) -> int:
        """Count an event and return 0, or return for how many seconds to stay away; ``now_s`` never runs back."""
        if not self.limit:
            return 0
        account, second = self._account(address), int(now_s)
        seconds = account.seconds
        while seconds and seconds[0][0] <= second - self.window_s:
            account.used -= seconds.popleft()[1]
        if account.used >= self.limit:
            return seconds[0][0] + self.window_s - second
        account.used += 1
        if seconds and seconds[-1][0] == second:
            seconds[-1][1] += 1
        else:
            seconds.append([second, 1])
        return 0

    def _account(self, address: str) -> _Account:
        account = self._accounts.get(address)
        if account is None:
            account = self._accounts[address] = _Account()
            if len(self._accounts) > self.ADDRESSES:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(address)
        return account


@dataclass(frozen=True, slots=True)
class Budgets:
    """What one address may do on a face; weights are counted elsewhere."""

    connects: Budget = field(default_factory=lambda: Budget(0, CONNECTS_WINDOW_S))
    requests: tuple[Budget, ...] = ()
