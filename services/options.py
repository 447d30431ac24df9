"""How the gRPC server listens and what it allows."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

MAX_LEVELS = 5000  # a side, of any view
DEEP = 500  # levels a side, beyond which a view is deep: it waits for its turn, and has a budget of its own
MAX_INTERVAL_MS = 60_000
MAX_FLOOR_MS = 1000  # of the operator's interval: clients are promised a message a second
MAX_PAIRS = 1000  # named in one request
MAX_ANALYTICS = 32  # of one stream

_REQUEST_BYTES = 1 << 16  # no request of ours needs more
_EXTRA_CALLS = 256  # unary, health and reflection calls beside the streams


@dataclass(frozen=True, slots=True)
class GrpcOptions:
    """Options of GrpcServer. Raises ValueError for a value out of its range.

    TLS is on when `tls_cert` and `tls_key` (PEM files) are given; with `tls_client_ca` besides, only clients with
    a certificate of that CA are let in.
    """

    host: str = "127.0.0.1"
    port: int = 50052  # 0: any free one
    levels: int = 10  # a side, of views that do not say how many
    dust: Decimal = Decimal(0)  # the plain summaries leave out levels of a smaller amount
    max_streams: int = 2000  # the surplus is refused at once
    max_streams_per_client: int = 1500  # on one connection: none can take all
    max_pairs_per_client: int = 200  # that the books of one connection's streams are of
    max_messages_per_client: int = 10_000  # a second, on all streams of one connection; the surplus is conflated
    max_view_levels: int = 50_000  # a side, of all different views together, and again of all deep ones
    min_interval_ms: int = 0  # between two messages of any stream, whatever its client asks for
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    keepalive_s: float = 30.0  # a silent client is asked for a sign of life after this time ...
    keepalive_timeout_s: float = 10.0  # ... and given up without one after this

    def __post_init__(self) -> None:
        if not 1 <= self.levels <= MAX_LEVELS:
            raise ValueError(f"levels is {self.levels}; allowed are 1 to {MAX_LEVELS}")
        if not (self.dust.is_finite() and self.dust >= 0):
            raise ValueError(f"dust is {self.dust}; allowed are 0 and above")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port is {self.port}; allowed are 0 to 65535")
        for name in ("max_streams", "max_streams_per_client", "max_pairs_per_client", "max_messages_per_client"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed are 1 and above")
        if self.max_view_levels < MAX_LEVELS:
            raise ValueError(f"max_view_levels is {self.max_view_levels}; allowed are {MAX_LEVELS} and above")
        if not 0 <= self.min_interval_ms <= MAX_FLOOR_MS:
            raise ValueError(f"min_interval_ms is {self.min_interval_ms}; allowed are 0 to {MAX_FLOOR_MS}")
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("TLS needs both a certificate and its key")
        if self.tls_client_ca and not self.tls_cert:
            raise ValueError("a client CA needs TLS: give a certificate and its key too")
        if not (self.keepalive_s > 0 and self.keepalive_timeout_s > 0):
            raise ValueError("keepalive times must be above 0")

    @property
    def address(self) -> str:
        """HOST:PORT as gRPC reads it."""
        host = f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host
        return f"{host}:{self.port}"

    def interval_s(self, asked_ms: int = 0) -> float:
        """Between two messages of a stream whose client asks for `asked_ms`."""
        return max(asked_ms, self.min_interval_ms) / 1000

    @property
    def max_calls(self) -> int:
        """Calls of any kind at the same time."""
        return self.max_streams + _EXTRA_CALLS

    def channel_arguments(self) -> list[tuple[str, int]]:
        """The options of the gRPC core.

        An outstanding ping is governed by ping_timeout_ms, not by keepalive_timeout_ms: without it a frozen peer
        goes unnoticed for a minute.
        """
        timeout_ms = int(self.keepalive_timeout_s * 1000)
        return [
            ("grpc.so_reuseport", 0),  # a taken port must fail, not be shared
            ("grpc.keepalive_time_ms", int(self.keepalive_s * 1000)),
            ("grpc.keepalive_timeout_ms", timeout_ms),
            ("grpc.http2.ping_timeout_ms", timeout_ms),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 5000),
            ("grpc.max_receive_message_length", _REQUEST_BYTES),
        ]
