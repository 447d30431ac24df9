"""Times as RFC 3339 text in UTC with six digits of a second, written thousands of times a second."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=64)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339(us: int) -> str:
    """Write µs since the epoch."""
    second, fraction = divmod(us, 1_000_000)
    return f"{_second(second)}.{fraction:06d}Z"


def microseconds(text: str) -> int:
    """Read µs since the epoch. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
