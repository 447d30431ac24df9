"""Server frames byte by byte (RFC 6455, section 5.2): into a payload, and back into forms that are not usual."""

from typing import Final

from venue.faces.connection import frame_text

TEXT: Final = 0x1
BINARY: Final = 0x2
CONTINUATION: Final = 0x0
_FINAL: Final = 0x80


def payload_of(framed: bytes) -> bytes:
    """Return the payload of one whole unmasked frame."""
    short = framed[1]
    return framed[4:] if short == 126 else framed[10:] if short == 127 else framed[2:]


def frame(payload: bytes, opcode: int, *, final: bool = True) -> bytes:
    """Frame a payload with an opcode; a message's last frame is final."""
    return bytes(((_FINAL if final else 0) | opcode,)) + frame_text(payload)[1:]


def fragments(payload: bytes, pieces: int, between: bytes = b"") -> bytes:
    """Frame a text message in up to ``pieces`` frames of at least a byte; ``between`` (a ping) follows the first."""
    pieces = max(1, min(pieces, len(payload)))
    size, longer = divmod(len(payload), pieces)
    made: list[bytes] = []
    start = 0
    for piece in range(pieces):
        end = start + size + (piece < longer)
        last = piece == pieces - 1
        made.append(frame(payload[start:end], CONTINUATION if piece else TEXT, final=last))
        if not piece and not last:
            made.append(between)
        start = end
    return b"".join(made)
