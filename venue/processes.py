"""Random processes that drive the synthetic market. Each owns a named random stream and reads no clock.

Figures were fitted to captures of real markets: Binance BTCUSDT (August 2024), Bitstamp BTC/USD (November 2025).
"""

import math
from random import Random

GRID_US = 10_000  # the fair value moves on a 10 ms grid
_DT = GRID_US / 1e6
_BPS = 1e-4


def log_normal(rng: Random, median: float, sigma: float) -> float:
    """Draw from a log-normal distribution given by its median."""
    return median * math.exp(sigma * rng.gauss(0.0, 1.0))


class AssetValue:
    """An asset's value in US dollars: a log random walk with a calm and a busy regime, and rare jumps.

    Pairs that share an asset each run their own instance: the same seed and name give the same path, so
    that BTC/USDT and BTC/USD move together and no market depends on which other markets exist.
    """

    CALM = 0.8  # bps per square root of a second
    BUSY = 2.4

    def __init__(self, seed: str, name: str, usd: float, volatility: float) -> None:
        self._rng = Random(f"{seed}/asset/{name}")
        self._log = math.log(usd)
        self._volatility = volatility
        self.usd = usd
        self.busy = False

    def step(self) -> None:
        """Advance by one grid step."""
        if not self._volatility:
            return
        rng = self._rng
        if rng.random() < _DT / (25.0 if self.busy else 120.0):
            self.busy = not self.busy
        sigma = self.BUSY if self.busy else self.CALM
        move = sigma * math.sqrt(_DT) * rng.gauss(0.0, 1.0)
        if rng.random() < _DT / 180.0:
            jump = rng.expovariate(1 / 6.0)
            move += jump if rng.random() < 0.5 else -jump
        self._log += move * self._volatility * _BPS
        self.usd = math.exp(self._log)


class Offset:
    """How far one venue's value lies from the common one: an Ornstein-Uhlenbeck process in bps around 0.

    Both venues price the same pair, so nothing but noise lies between them; it is kept small enough that the merged
    book is crossed for moments, as in life, and not most of the time.
    """

    RATE = 1 / 60.0

    def __init__(self, rng: Random, sigma: float) -> None:
        """``sigma`` in bps per square root of a second; 0: this venue's value is the common one."""
        self._rng = rng
        self._sigma = sigma
        self.bps = 0.0

    def step(self) -> None:
        """Advance by one grid step."""
        if self._sigma:
            pull = -self.RATE * self.bps * _DT
            self.bps += pull + self._sigma * math.sqrt(_DT) * self._rng.gauss(0.0, 1.0)

    @property
    def factor(self) -> float:
        """What to multiply the common value with."""
        return 1.0 + self.bps * _BPS


class Hawkes:
    """Self-exciting arrivals with an exponential kernel, by Ogata's thinning: O(1) per candidate.

    ``branching`` is the mean number of arrivals that one arrival causes, ``decay`` is per second.
    """

    BUSY_FACTOR = 2.2

    def __init__(self, rng: Random, rate: float, branching: float, decay: float) -> None:
        self._rng = rng
        self._rate = rate
        self._jump = branching * decay
        self._decay = decay
        self._excitement = 0.0
        self._bound = rate
        self._last_us = 0

    def candidate(self, time_us: int, busy: bool) -> int:
        """Draw the time of the next candidate after ``time_us``; `accept` must be asked there."""
        self._settle(time_us)
        self._bound = self._base(busy) + self._excitement
        return time_us + 1 + int(self._rng.expovariate(self._bound) * 1e6)

    def accept(self, time_us: int, busy: bool) -> bool:
        """Decide whether a candidate is an arrival, and let it excite the process if so."""
        self._settle(time_us)
        intensity = self._base(busy) + self._excitement
        if self._rng.random() * self._bound >= intensity:
            return False
        self._excitement += self._jump
        return True

    def _base(self, busy: bool) -> float:
        return self._rate * (self.BUSY_FACTOR if busy else 1.0)

    def _settle(self, time_us: int) -> None:
        self._excitement *= math.exp(-self._decay * (time_us - self._last_us) / 1e6)
        self._last_us = time_us


class Signs:
    """The sign of market orders: long runs, and new runs that push the price towards its fair value."""

    FORCE_BPS = 1.5
    LONGEST = 200

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._left = 0
        self._buy = True

    def next_is_buy(self, mispricing_bps: float) -> bool:
        """Draw; ``mispricing_bps`` is positive when the fair value is above the middle of the book."""
        if abs(mispricing_bps) > self.FORCE_BPS:
            self._buy = mispricing_bps > 0
            self._left = 0
            return self._buy
        if self._left <= 0:
            odds = 1.0 / (1.0 + math.exp(-3.0 * mispricing_bps))
            self._buy = self._rng.random() < odds
            self._left = min(self.LONGEST, int(2 * self._rng.paretovariate(1.1)))
        self._left -= 1
        return self._buy
