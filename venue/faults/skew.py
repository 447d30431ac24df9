"""The venue's clock goes wrong: the times in frames and replies are shifted, ids and books are right."""

import asyncio

from aiohttp import web

from venue.faces.connection import frame_text
from venue.faults.fault import Outgoing, Target, concerns
from venue.faults.frames import FrameFault
from venue.faults.framing import payload_of
from venue.faults.parameters import LONGEST_S, Parameter


class Skew(FrameFault):
    """Event times that are off by a constant, and by a jump that is drawn anew now and then.

    Where the time is the book's only order (Bitstamp) a jump back makes new diffs look old. Streams and REST are
    shifted alike, so that a client which takes a new snapshot is right again.
    """

    kind = "skew"
    summary = "event times are shifted, in frames and in REST replies alike; counted are frames and replies"
    parameters = (
        Parameter("ms", 0.0, "by how much", -1e9, 1e9),
        Parameter("jump_ms", 0.0, "and by up to so much more in either direction, drawn anew each period", 0, 1e9),
        Parameter("period_s", 1.0, "how long a jump lasts", 0.01, LONGEST_S),
    )
    countable = False
    stage = 0

    def begin(self) -> None:
        """Begin the first period."""
        super().begin()
        self._timer: asyncio.TimerHandle | None = None
        self._offset_us = 0
        # One offset for all frames of one turn of the event loop: a timer changes it, not the frame.
        self._draw()

    @property
    def offset_us(self) -> int:
        """By how much times are shifted now, in µs."""
        return 0 if self.spent else self._offset_us

    def concerns(self, out: Outgoing) -> bool:
        """All frames of the symbol."""
        return concerns(self.spec.symbol, out.target)

    def take(self, out: Outgoing) -> None:
        """Shift the times of a frame."""
        payload = payload_of(out.framed)
        shifted = self.host.wording.shift(payload, self._offset_us)
        if shifted != payload:
            self.strike()
            out = out._replace(framed=frame_text(shifted))
        self.desk.pass_on(out, self)

    def concerns_request(self, target: Target) -> bool:
        """All replies about the symbol; those about none with `*` only."""
        return concerns(self.spec.symbol, target)

    async def reply(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Shift the times of a reply."""
        if isinstance(response, web.Response) and isinstance(response.body, bytes) and not response.prepared:
            shifted = self.host.wording.shift(response.body, self._offset_us)
            if shifted != response.body:
                self.strike()
                response.body = shifted
        return response

    def release(self) -> None:
        """Let the clock be right."""
        if self._timer is not None:
            self._timer.cancel()

    def _draw(self) -> None:
        jump_ms = self.number_of("jump_ms")
        self._offset_us = round(1000 * (self.number_of("ms") + self.random.uniform(-jump_ms, jump_ms)))
        if jump_ms:
            self._timer = asyncio.get_running_loop().call_later(self.number_of("period_s"), self._draw)
