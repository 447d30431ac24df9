"""Deribit's heartbeats on one connection: what is sent when, and the end of those who do not answer.

Source: Deribit's public documentation, and probes of the venue: with an interval of 10 s the first test request came
after about 12 s, the next ones each 10.6 s, and the close (4000) 10 s after one that was not answered.
"""

from collections.abc import Callable
from typing import Final

from venue.faces.connection import Connection

HEARTBEAT: Final = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}'
TEST_REQUEST: Final = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'
UNANSWERED: Final = 4000
FIRST_TEST: Final = 1.2  # of the interval
NEXT_TEST: Final = 1.06


class Heartbeat:
    """Runs on a connection's timers. ``second_s`` is how long a second of the interval lasts.

    ``withheld`` tells that a fault keeps messages from the client, who is not to blame then.
    """

    def __init__(
        self, connection: Connection, send: Callable[[bytes], None], withheld: Callable[[], bool], second_s: float
    ) -> None:
        self._connection = connection
        self._send = send
        self._withheld = withheld
        self._second_s = second_s
        self._interval_s = 0.0
        self._waiting = False  # for the answer to a test request
        self.running = False

    def start(self, interval_s: float) -> None:
        """Begin, or begin anew with another interval."""
        self.stop()
        self.running = True
        self._interval_s = interval_s * self._second_s
        self._connection.after("heartbeat", self._interval_s, self._beat)
        self._connection.after("test", FIRST_TEST * self._interval_s, self._test)

    def stop(self) -> None:
        """End."""
        self.running = self._waiting = False
        for name in ("heartbeat", "test", "proof"):
            self._connection.cancel(name)

    def proven(self) -> None:
        """Take note that the client is alive."""
        self._connection.cancel("proof")
        self._waiting = False

    def _beat(self) -> None:
        self._send(HEARTBEAT)
        self._connection.after("heartbeat", self._interval_s, self._beat)

    def _test(self) -> None:
        self._send(TEST_REQUEST)
        if not self._waiting and not self._withheld():
            self._waiting = True
            self._connection.after("proof", self._interval_s, self._end)
        self._connection.after("test", NEXT_TEST * self._interval_s, self._test)

    def _end(self) -> None:
        if self._withheld():  # its answer may not have been read
            self._waiting = False
        else:
            self._connection.close(UNANSWERED, "heartbeat close")
