"""Pairs: one spelling inside, every usual spelling accepted."""

import difflib
import re
from collections.abc import Iterable
from typing import NamedTuple

_ASSET = re.compile(r"[A-Z0-9]{1,20}")
_TOGETHER = re.compile(r"[A-Z0-9]{1,20}~?")
_SEPARATORS = re.compile(r"[/\-_]")
# Perpetual contracts, which are no spot: of the base asset, and of the quote currency.
PERPETUAL, INVERSE = "PERP", "INVERSE"
GROUP_MARK = "~"  # the end of a quote that is a group of quotes


class BadPair(ValueError):
    """The text cannot be a pair."""


class UnknownPair(LookupError):
    """No venue trades the pair; `nearest` holds the most similar names that exist, best first."""

    def __init__(self, text: str, nearest: list[str]) -> None:
        self.text = text
        self.nearest = nearest
        hint = f"; did you mean {', '.join(nearest)}?" if nearest else ""
        super().__init__(f"unknown pair {text!r}{hint}")


class Pair(NamedTuple):
    """BASE/QUOTE: one unit of `base` is priced in `quote`. Upper case.

    A perpetual contract is a pair of its own, so that it is never merged with spot: BTC/USDC-PERP where amounts are
    in the base asset as everywhere, BTC/USD-INVERSE where they are in the quote currency.
    """

    base: str
    quote: str

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"

    @property
    def grouped(self) -> bool:
        """Whether its quote is a group of quotes."""
        return self.quote.endswith(GROUP_MARK)

    @classmethod
    def parse(cls, text: str) -> "Pair":
        """Reads ETH/BTC, ETH-BTC, ETH_BTC or eth-btc, perpetuals as ETH/USDC-PERP, groups of quotes as ETH/USD~.

        Else raises BadPair.
        """
        parts = _SEPARATORS.split(text.strip().upper())
        end = f"-{parts.pop()}" if len(parts) == 3 and parts[2] in (PERPETUAL, INVERSE) else ""
        if not end and parts[-1].endswith(GROUP_MARK):
            parts[-1], end = parts[-1].removesuffix(GROUP_MARK), GROUP_MARK
        # Some letters beyond ASCII have capitals within it: a long s would pass for an S.
        if not text.isascii() or len(parts) != 2 or not all(_ASSET.fullmatch(part) for part in parts):
            raise BadPair(f"{text!r} is not a pair: write it as BASE/QUOTE, for example BTC/USDT")
        base, quote = parts
        return cls(base, quote + end)


def resolve_pair(text: str, known: Iterable[Pair]) -> Pair:
    """Finds the pair that `text` names among `known`.

    Accepts what Pair.parse does, and both assets written together (ethbtc) where only one known pair reads so.
    Raises BadPair for an empty, malformed or ambiguous text and UnknownPair for one that names no known pair.
    """
    pairs = list(dict.fromkeys(known))
    wanted = text.strip().upper()
    if not wanted:
        raise BadPair("no pair given: write it as BASE/QUOTE, for example BTC/USDT")
    if _SEPARATORS.search(wanted):
        pair = Pair.parse(text)
        if pair in pairs:
            return pair
        raise UnknownPair(str(pair), _nearest(str(pair), pairs))
    if not text.isascii() or not _TOGETHER.fullmatch(wanted):
        raise BadPair(f"{text!r} is not a pair: write it as BASE/QUOTE, for example BTC/USDT")
    matches = [pair for pair in pairs if pair.base + pair.quote == wanted]
    if len(matches) > 1:
        raise BadPair(f"{text!r} is ambiguous: it may be {' or '.join(map(str, matches))}; write the slash")
    if not matches:
        raise UnknownPair(text, _nearest(wanted, pairs))
    return matches[0]


def _nearest(text: str, pairs: list[Pair]) -> list[str]:
    """The (at most three) known pairs that read most like `text`."""
    plain = {pair.base + pair.quote: str(pair) for pair in pairs}
    close = difflib.get_close_matches(text.replace("/", ""), plain, n=3, cutoff=0.5)
    return [plain[name] for name in close]
