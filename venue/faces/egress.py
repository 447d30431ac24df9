"""The one place through which every outgoing frame and every REST reply of a face passes.

It passes them on and counts them. The faults that disturb the traffic stand here, so that faces stay honest and a
disturbance cannot be forgotten on one path. The admin endpoint does not pass here.
"""

from time import monotonic

from aiohttp import web

from venue.faces.connection import Connection
from venue.faults.board import Board


class Egress:
    """Passes frames and replies on, through the faults if there are any; counts both."""

    __slots__ = ("_board", "frames", "replies")

    def __init__(self, board: Board) -> None:
        self._board = board
        self.frames = 0
        self.replies = 0

    def frame(self, connection: Connection, stream: str, framed: bytes) -> None:
        """Send one framed text message; ``stream`` is the stream's or channel's name, "" for control replies."""
        self.frames += 1
        connection.said_s = monotonic()  # the loop's clock
        if self._board.frames:
            self._board.frame(connection, stream, framed)
        else:
            connection.write(framed)

    async def reply(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Return the REST reply to send."""
        self.replies += 1
        if self._board.replies:
            return await self._board.reply(request, response)
        return response
