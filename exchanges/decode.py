"""Numbers out of venues' JSON, converted in C and bounded, so that no NaN, infinity or negative gets further.

A double names every decimal of at most 15 significant digits exactly, and in their order. A connection that
carries a pair with more digits decodes all its numbers as Decimal instead ("wide").
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeGuard, TypeVar

import msgspec

Price = Annotated[float, msgspec.Meta(gt=0, lt=1e15)]
Amount = Annotated[float, msgspec.Meta(ge=0, lt=1e15)]
Level = tuple[Price, Amount]
TradeNumber = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]  # an id that is a number
WideLevel = tuple[Decimal, Decimal]
Stamp = Annotated[datetime, msgspec.Meta(tz=True)]  # RFC 3339; without a zone it names no moment

L = TypeVar("L")  # of structs that hold levels: Level or WideLevel
N = TypeVar("N")  # of structs that hold bare numbers: Amount or Decimal

FINEST_STEP = Decimal("1e-18")
_LIMIT = Decimal(10) ** 15
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NS = 2**63 - 1  # a position or a stamp beyond it fits no field
# What decoding may raise. RecursionError: JSON nested deeper than the decoder goes.
UNREADABLE = (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError)


def decoder(frame: Any) -> Any:
    """A decoder for `frame` (a struct type) that reads numbers out of JSON strings too."""
    return msgspec.json.Decoder(frame, strict=False)


def is_step(step: Decimal | None) -> TypeGuard[Decimal]:
    """Whether a catalog's price or amount step is one: no more decimals than any asset has, positive, finite."""
    return step is not None and step.is_finite() and FINEST_STEP <= step < _LIMIT


def check_wide(*sides: list[tuple[Any, Any]]) -> None:
    """Holds Decimal levels to the bounds that the float decoder enforces in C; raises msgspec.ValidationError."""
    for levels in sides:
        for price, amount in levels:
            usable = price.is_finite() and amount.is_finite() and 0 < price < _LIMIT and 0 <= amount < _LIMIT
            if not usable or price != +price:  # + rounds to the digits that arithmetic keeps
                raise msgspec.ValidationError(f"no level: price {price}, amount {amount}")


def stamp_ns(stamp: datetime) -> int:
    """Nanoseconds since the epoch, without a detour through floats; raises ValueError where no field holds them."""
    since = stamp - _EPOCH
    told = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000
    if not 0 <= told <= _LAST_NS:
        raise ValueError(f"no time of this market: {stamp}")
    return told
