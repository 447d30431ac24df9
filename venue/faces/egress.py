"""The one place through which every outgoing frame and every REST reply of a face passes.

It passes them on and counts them. Whatever is to disturb the traffic (drop, repeat, delay) belongs here, so that
faces stay honest and a disturbance cannot be forgotten on one path. The admin endpoint does not pass here.
"""

from dataclasses import dataclass

from aiohttp import web

from venue.faces.connection import Connection


@dataclass(slots=True)
class Egress:
    """Passes frames and replies on; counts both."""

    frames: int = 0
    replies: int = 0

    def frame(self, connection: Connection, stream: str, framed: bytes) -> None:
        """Send one framed text message; ``stream`` is the stream's or channel's name, "" for control replies."""
        self.frames += 1
        connection.write(framed)

    async def reply(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Return the REST reply to send."""
        self.replies += 1
        return response
