"""What others connect to: the gRPC services of the merged book.

One event loop in a thread of its own carries every stream. Each view of the market is computed and encoded once
per version, however many streams watch it.
"""

import os

# Before grpc is imported: its core would print lines of its own to standard error, beside our messages.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from services.errors import BadCredentials, CannotListen, LoopDied, PortTaken, ServicesError
from services.grpc_server import GrpcServer
from services.market import Budget, Market
from services.options import MAX_LEVELS, GrpcOptions

__all__ = [
    "MAX_LEVELS",
    "BadCredentials",
    "Budget",
    "CannotListen",
    "GrpcOptions",
    "GrpcServer",
    "LoopDied",
    "Market",
    "PortTaken",
    "ServicesError",
]
