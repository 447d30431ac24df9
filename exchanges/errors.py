"""What can go wrong between us and a venue."""


class ExchangeError(Exception):
    """Base of all errors of this package."""


class BadEndpoint(ExchangeError, ValueError):
    """An address that cannot be used."""


class Unreachable(ExchangeError):
    """The venue did not answer: no route, refused, timed out, or a certificate that does not verify."""


class NoBudget(ExchangeError):
    """Not asked: the request can wait, and the budget is wanted for others."""


class Refused(ExchangeError):
    """The venue answered, but not with what was asked for. `status` is the HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


class RateLimited(Refused):
    """429 or 418: ask again only after `retry_after_s` seconds."""

    def __init__(self, status: int, text: str, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(status, text)


class Forbidden(Refused):
    """403 or 451: asking again will not help for long."""


class GarbageFrame(ExchangeError, ValueError):
    """A frame or body that is not what the venue's protocol says."""
