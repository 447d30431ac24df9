"""Binance's words for refusals, and where times and ids stand in its messages.

Source: the status table of Binance's public REST documentation and the replies its clients report.
"""

import re
from typing import Final

from venue.clock import wall_us
from venue.faces.wording import Clock, Wording

RESTRICTED: Final = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in "
    "https://www.binance.com/en/terms. Please contact customer service if you believe you received this message "
    "in error."
)


class BinanceWording(Wording):
    """For faults on this face."""

    # Milliseconds, or microseconds for clients that asked for them: told apart by size.
    clocks = (Clock(re.compile(rb'"(?:E|T|time|serverTime)":(\d{13,16})(?=[,}])'), "auto"),)
    follows = re.compile(rb'"U":(\d+)')
    stands = re.compile(rb'"(U|u)":(\d+)')

    def words(self, status: int, retry_after_s: int) -> object:
        """Return code and message."""
        if status == 451:
            return {"code": 0, "msg": RESTRICTED}
        if status == 418:
            until_ms = wall_us() // 1000 + retry_after_s * 1000
            return {
                "code": -1003,
                "msg": f"Way too much request weight used; IP banned until {until_ms}. "
                "Please use WebSocket Streams for live updates to avoid bans.",
            }
        if status == 429:
            return {
                "code": -1003,
                "msg": "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API.",
            }
        return {"code": -1000, "msg": "An unknown error occurred while processing the request."}
