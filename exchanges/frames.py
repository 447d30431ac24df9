"""Frames out of a socket, with bounds on what one message may take."""

import math
import ssl
import time

import websocket

FRAME_S = 5.0  # for the rest of a frame whose beginning has come
_READ_BYTES = 65_536  # from the kernel at once
_MAX_MESSAGE = 16 * 1024 * 1024  # bytes of one message; the largest real ones, whole books, have 5 million
_SLOWEST = 512 * 1024  # bytes a second that the rest of a long message must come at


class FrameSocket(websocket.WebSocket):
    """Reads from the kernel as much as there is, and bounds what one message may take, whatever its header claims.

    The library asks for a frame's header, length and payload one by one; a buffer between makes one system call of
    them. A message must fit the memory, and be whole in time: a long one may take longer, as long as it keeps coming.
    """

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._buffer = b""
        self._at = 0  # how much of the buffer has been handed out
        self._room = _MAX_MESSAGE
        self._began = math.inf

    def recv_data(self, control_frame: bool = False) -> tuple[int, bytes]:
        """One message, or one control frame: those may come between the parts of a message."""
        if self.cont_frame.cont_data is None:
            self._room = _MAX_MESSAGE
            self._began = time.monotonic()
        answer: tuple[int, bytes] = super().recv_data(control_frame)
        return answer

    def forget(self) -> None:
        """Lets go of what was read; the socket is of no use any more.

        The library's buffers hold on to us and we to them, with all that is in them: up to 16 MB of a message that
        was refused would wait for a collection of cycles.
        """
        self._buffer = b""
        del self.frame_buffer, self.cont_frame

    def pending(self) -> bool:
        """Whether bytes are here that the kernel no longer shows as readable: in our buffer, or decrypted by TLS."""
        if self._at < len(self._buffer):
            return True
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def _recv(self, bufsize: int) -> bytes:
        at = self._at
        if at == len(self._buffer):
            if time.monotonic() > self._began + FRAME_S + (_MAX_MESSAGE - self._room) / _SLOWEST:
                raise websocket.WebSocketTimeoutException
            self._buffer = super()._recv(_READ_BYTES)  # type: ignore[no-untyped-call]
            at = 0
        data = self._buffer[at : at + bufsize]
        self._at = at + len(data)
        self._room -= len(data)
        if self._room < 0:
            raise websocket.WebSocketProtocolException(f"a message of more than {_MAX_MESSAGE} bytes")
        return data
