"""REST bodies that are slow, or never end."""

from typing import ClassVar

from aiohttp import web

from venue.faults.links import hang_up
from venue.faults.parameters import Parameter
from venue.faults.replies import CLIENT_GONE, ReplyFault, body_of, stream_like


class Drip(ReplyFault):
    """Bodies that come in small pieces."""

    kind = "drip"
    summary = "the body comes in small pieces; when the fault ends the rest comes at once"
    parameters = (
        *ReplyFault.parameters,
        Parameter("bytes", 64, "size of a piece", 1, 1_000_000),
        Parameter("interval_s", 0.1, "time between pieces", 0.001, 3600),
    )

    async def disturb(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Send piece by piece."""
        body, size = body_of(response), self.whole("bytes")
        dripping = stream_like(response)
        dripping.content_length = len(body)
        sent = 0
        try:
            await dripping.prepare(request)
            while sent < len(body):
                await dripping.write(body[sent : sent + size])
                sent += size
                if sent < len(body) and await self.wait(self.number_of("interval_s")):
                    await dripping.write(body[sent:])
                    break
        except CLIENT_GONE:
            pass  # the client has had enough
        return dripping


class Endless(ReplyFault):
    """Bodies without an end."""

    kind = "endless"
    summary = "the body never ends: after the JSON come blanks, until the client hangs up or the fault ends"
    parameters = (
        *ReplyFault.parameters,
        Parameter("bytes_per_s", 1_000_000, "how fast", 100, 1_000_000_000),
    )

    PAUSE_S: ClassVar[float] = 0.05

    def begin(self) -> None:
        """Begin with no body under way."""
        super().begin()
        self._requests: list[web.Request] = []

    async def disturb(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Send for ever."""
        endless = stream_like(response)
        endless.enable_chunked_encoding()
        self._requests.append(request)
        blanks = b" " * max(1, int(self.whole("bytes_per_s") * self.PAUSE_S))
        try:
            await endless.prepare(request)
            await endless.write(body_of(response)[:-1])
            while not await self.wait(self.PAUSE_S):
                await endless.write(blanks)
        except CLIENT_GONE:
            pass  # the client has had enough, or the fault is over
        finally:
            self._requests.remove(request)
        return endless

    def release(self) -> None:
        """Hang up: such a body has no honest end, and a client that does not read would hold it for ever."""
        for request in self._requests:
            hang_up(request)
