"""Request weights as Binance counts them: per address and minute, 429 when spent, then a ban.

Source of the rules: Binance's public REST documentation (limits) and the replies its clients report.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

MINUTE_S: Final = 60


@dataclass(slots=True)
class _Account:
    minute: int = -1
    used: int = 0
    refused: int = 0
    banned_until_s: float = 0.0
    bans: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to answer: status 200, 429 or 418, the weight used this minute, and how long to stay away."""

    status: int
    used: int
    retry_after_s: int = 0
    banned_until_ms: int = 0


@dataclass(slots=True)
class WeightLimiter:
    """One bucket of ``limit`` per address and wall-clock minute.

    Whoever sends ``patience`` more requests after his first 429 in a minute is banned: two minutes the first
    time, twice as long each time after, three days at most. At most `ADDRESSES` are remembered.
    """

    limit: int = 6000
    patience: int = 10
    first_ban_s: int = 120
    longest_ban_s: int = 3 * 86_400
    _accounts: OrderedDict[str, _Account] = field(default_factory=OrderedDict)
    ADDRESSES = 1024

    def charge(self, address: str, weight: int, now_s: float) -> Verdict:
        """Count a request of a weight and say what to answer; ``now_s`` is wall time in seconds."""
        account = self._account(address)
        minute = int(now_s) // MINUTE_S
        if minute != account.minute:
            account.minute, account.used, account.refused = minute, 0, 0
        if now_s < account.banned_until_s:
            return self._banned(account, now_s)
        if account.used + weight <= self.limit:
            account.used += weight
            return Verdict(200, account.used)
        # A refused request counts as well: the limit stays broken until the minute is over.
        account.used = max(account.used + weight, self.limit + 1)
        account.refused += 1
        if account.refused > self.patience:
            length = min(self.first_ban_s * 2**account.bans, self.longest_ban_s)
            account.bans = min(account.bans + 1, 12)
            account.banned_until_s = now_s + length
            return self._banned(account, now_s)
        return Verdict(429, account.used, MINUTE_S - int(now_s) % MINUTE_S)

    @staticmethod
    def _banned(account: _Account, now_s: float) -> Verdict:
        left = account.banned_until_s - now_s
        return Verdict(418, account.used, max(1, int(left + 0.999)), int(account.banned_until_s * 1000))

    def _account(self, address: str) -> _Account:
        account = self._accounts.get(address)
        if account is None:
            account = self._accounts[address] = _Account()
            if len(self._accounts) > self.ADDRESSES:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(address)
        return account
