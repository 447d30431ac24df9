"""Numbers as people read them, made from integers: fixed decimals, never an exponent, never a false zero."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

NONE = "─"  # a figure that does not exist: an empty side has no mid
SECOND_NS = 1_000_000_000
FOLDED_FROM = 3  # zeros after the point
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
SUFFIXES = ((0, ""), (3, "k"), (6, "M"), (9, "G"), (12, "T"), (15, "P"))  # E for exa would read as an exponent


def decimal(value: int, places: int) -> str:
    """The exact decimal of `value` / 10^`places`, without separators: what a program reads."""
    return _pointed(value, places, "")


def grouped(value: int, places: int, comma: str = ",") -> str:
    """The exact decimal with `comma` between thousands: what a person reads."""
    return _pointed(value, places, comma)


def scaled(text: str, places: int) -> int:
    """A decimal's text as an integer of 10^-`places`, rounded to the nearest.

    Raises ValueError, with the text, for anything but plain digits with an optional sign and point.
    """
    sign = -1 if text.startswith("-") else 1
    whole, point, rest = text.removeprefix("-").partition(".")
    digits = whole + rest
    if not (digits.isascii() and digits.isdigit()) or (point and not rest):
        raise ValueError(f"{text!r} is no decimal number; write it like 0.25 or 1200")
    value = int(digits)
    spare = len(rest) - places
    return sign * (divided(value, 10**spare) if spare > 0 else value * int(10**-spare))


def folded(text: str) -> str:
    """`0.00007350` as `0.0₄7350`: a run of three zeros or more after `0.` becomes one with their count."""
    whole, point, rest = text.partition(".")
    digits = rest.lstrip("0")
    zeros = len(rest) - len(digits)
    if not point or whole.lstrip("-<>") != "0" or zeros < FOLDED_FROM or not digits[:1].isdigit():
        return text
    return f"{whole}.0{str(zeros).translate(SUBSCRIPTS)}{digits}"


def _pointed(value: int, places: int, comma: str) -> str:
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), 10**places)
    digits = f"{whole:,}" if comma else str(whole)
    if comma not in ("", ","):
        digits = digits.replace(",", comma)
    return f"{sign}{digits}.{rest:0{places}}" if places else f"{sign}{digits}"


def divided(value: int, divisor: int) -> int:
    """`value` / `divisor` to the nearest integer, halves away from zero. `divisor` is positive."""
    quotient = (2 * abs(value) + divisor) // (2 * divisor)
    return -quotient if value < 0 else quotient


@dataclass(frozen=True, slots=True)
class Format:
    """How one column prints integers of 10^-`places`: `shown` decimals after division by 10^`power`, then `suffix`.

    One format serves a whole column, so that the decimal points stand under each other.
    """

    places: int
    shown: int
    power: int = 0
    suffix: str = ""
    comma: str = ","
    _divisor: int = field(
        init=False, repr=False, compare=False
    )  # of what is not shown; made once, used a million times

    def __post_init__(self) -> None:
        """`shown` is never more than `places` + `power`."""
        object.__setattr__(self, "_divisor", 10 ** (self.places + self.power - self.shown))

    def text(self, value: int) -> str:
        """The number; one that is not zero never prints as zero."""
        shown = value if self._divisor == 1 else divided(value, self._divisor)
        if not shown and value:
            sign = "<" if value > 0 else ">-"
            return sign + grouped(1, self.shown) + self.suffix
        return _pointed(shown, self.shown, self.comma) + self.suffix


def amounts_of(largest: int, places: int, cells: int = 10, comma: str = ",") -> Format:
    """The format of a column of amounts up to `largest`.

    Four decimals, more when all are small, fewer and then a suffix when `cells` would overflow.
    """
    whole = largest // 10**places
    wanted = 4
    if not whole and largest:
        wanted += places - len(str(largest))  # 0.00031 needs as many zeros more to show four digits
    shown = min(places, wanted, 8)
    while shown and len(grouped(whole, 0)) + 1 + shown > cells:
        shown -= 1
    if len(grouped(whole, 0)) <= cells:
        return Format(places, shown, comma=comma)
    return significant(largest, places, comma)


def significant(largest: int, places: int, comma: str = ",") -> Format:
    """The format that shows four significant digits of `largest`, with one suffix for the whole column."""
    whole = max(1, largest // 10**places)
    digits = len(str(whole))
    power, suffix = max((entry for entry in SUFFIXES if entry[0] < digits), default=SUFFIXES[0])
    if power and digits - power > 3:
        return Format(places, 0, power, suffix, comma)
    return Format(places, min(places + power, max(0, 4 - (digits - power))), power, suffix, comma)


def basis_points(spread: int, twice_mid: int) -> str:
    """The spread in hundredths of a per cent of the mid price, two decimals. `twice_mid` 0 has no such figure."""
    if not twice_mid:
        return NONE
    hundredths = divided(spread * 2_000_000, abs(twice_mid))
    if not hundredths and spread:
        return "<0.01" if spread > 0 else ">-0.01"
    return _pointed(hundredths, 2, ",")


def signed_points(part: int, whole: int) -> str:
    """`part` / `whole` in basis points with two decimals and a sign: how far a price is from another."""
    if whole <= 0:
        return NONE
    hundredths = divided(part * 1_000_000, whole)
    sign = "+" if part > 0 else "-" if part < 0 else ""
    return sign + (_pointed(abs(hundredths), 2, ",") if hundredths or not part else "<0.01")


def per_cent(part: int, whole: int) -> str:
    """A share in whole per cent; what is there never reads as 0, and what is not all never as 100."""
    if whole <= 0:
        return NONE
    share = divided(part * 100, whole)
    if not share and part:
        return "<1%"
    return ">99%" if share == 100 and part < whole else f"{share}%"


def half(twice: int, places: int) -> str:
    """Half of an integer of 10^-`places`, exactly: one decimal more where it needs it, a space there where not."""
    if twice % 2:
        return grouped(twice * 5, places + 1)
    return grouped(twice // 2, places) + " "


def imbalance(bid: int, ask: int) -> str:
    """(bid - ask) / (bid + ask) in signed per cent."""
    if not bid + ask:
        return NONE
    per_cent = divided((bid - ask) * 100, bid + ask)
    return f"{per_cent:+d}%" if per_cent else "0%"


def age(ns: int) -> str:
    """Below a second in ms, then one decimal, then m:ss."""
    if ns < SECOND_NS:
        return f"{max(0, ns) // 1_000_000} ms"
    if ns < 60 * SECOND_NS:
        return f"{ns // (SECOND_NS // 10) / 10:.1f} s"
    return duration(ns)


def short_age(ns: int) -> str:
    """`age` without its space, for narrow places."""
    return age(ns).replace(" ", "")


def two_ages(first: int, second: int) -> str:
    """The ages of two quotes; the unit once when it is the same: `85/412 ms`."""
    one, two = age(first), age(second)
    if one.endswith(" ms") and two.endswith(" ms"):
        return f"{one[:-3]}/{two}"
    return f"{one}/{two}"


def duration(ns: int) -> str:
    """m:ss, or h:mm:ss from an hour on."""
    seconds = max(0, ns) // SECOND_NS
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def short_duration(ns: int) -> str:
    """Seconds below ten, then m:ss."""
    return f"{max(0, ns) // SECOND_NS}s" if ns < 10 * SECOND_NS else duration(ns)


def countdown(ns: int) -> str:
    """Whole seconds that remain, rounded up, so that it ends at 1 and not at 0."""
    return f"{max(0, -(-ns // SECOND_NS))} s"


def clock(ns: int) -> str:
    """The time of day in UTC, to the millisecond, of ns since the epoch."""
    seconds, rest = divmod(ns, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}.{rest // 1_000_000:03d}"


def instant(ns: int) -> str:
    """Date and time in UTC as RFC 3339 to the nanosecond: what a program reads."""
    seconds, rest = divmod(ns, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
