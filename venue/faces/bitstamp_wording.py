"""Bitstamp's words for refusals, and where times stand in its messages.

Source: the error object of Bitstamp's HTTP API.
"""

import re
from typing import Final

from venue.faces.wording import Wording

# The pair is one time in two spellings; a ticker has the seconds only.
_PAIRS: Final = re.compile(rb'"timestamp":"(\d+)","microtimestamp":"(\d+)"')
_SECONDS: Final = re.compile(rb'"timestamp":"(\d+)"(?!,"micro)')


class BitstampWording(Wording):
    """For faults on this face. A diff carries no sequence number: a lost one needs no disguise."""

    stands = re.compile(rb'"(microtimestamp)":"(\d+)"')

    def words(self, status: int, retry_after_s: int) -> object:
        """Return status, reason and code."""
        return {"status": "error", "reason": f"Request refused ({status}).", "code": f"{status}.002"}

    def shift(self, text: bytes, offset_us: int) -> bytes:
        """Shift both spellings together."""

        def pair(found: re.Match[bytes]) -> bytes:
            micro = int(found[2]) + offset_us
            return b'"timestamp":"%d","microtimestamp":"%d"' % (micro // 1_000_000, micro)

        def seconds(found: re.Match[bytes]) -> bytes:
            return b'"timestamp":"%d"' % (int(found[1]) + offset_us // 1_000_000)

        return _SECONDS.sub(seconds, _PAIRS.sub(pair, text))
