"""Numbers out of venues' JSON, converted in C and bounded, so that no NaN, infinity or negative gets further.

A double names every decimal of at most 15 significant digits exactly, and in their order. A connection that
carries a pair with more digits decodes all its numbers as Decimal instead ("wide").
"""

from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec

Price = Annotated[float, msgspec.Meta(gt=0, lt=1e15)]
Amount = Annotated[float, msgspec.Meta(ge=0, lt=1e15)]
Level = tuple[Price, Amount]
WideLevel = tuple[Decimal, Decimal]

L = TypeVar("L")  # of structs that hold levels: Level or WideLevel
N = TypeVar("N")  # of structs that hold bare numbers: Amount or Decimal

_LIMIT = Decimal(10) ** 15


def decoder(frame: Any) -> Any:
    """A decoder for `frame` (a struct type) that reads numbers out of JSON strings too."""
    return msgspec.json.Decoder(frame, strict=False)


def check_wide(*sides: list[tuple[Any, Any]]) -> None:
    """Holds Decimal levels to the bounds that the float decoder enforces in C; raises msgspec.ValidationError."""
    for levels in sides:
        for price, amount in levels:
            if not (price.is_finite() and amount.is_finite() and price > 0 and 0 <= amount < _LIMIT):
                raise msgspec.ValidationError(f"no level: price {price}, amount {amount}")
