"""What can go wrong in the services."""

from grpc import StatusCode


class ServicesError(Exception):
    """The base of every error that this package raises."""


class CannotListen(ServicesError):
    """The address cannot be listened on; the message says why."""


class PortTaken(CannotListen):
    """Another process (or another server of this one) listens on the port already."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        super().__init__(
            f"{host}:{port} is taken: another process listens there; end it, or choose another port (0: any free one)"
        )


class BadCredentials(ServicesError):
    """A file of the TLS key, certificate or client CA cannot be used."""


class LoopDied(ServicesError):
    """The thread that carries the streams has ended by itself, or never came up."""


class Refused(ServicesError):
    """A request is answered by a status instead of a stream. Never leaves this package."""

    def __init__(self, code: StatusCode, reason: str) -> None:
        self.code = code
        super().__init__(reason)
