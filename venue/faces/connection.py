"""One WebSocket client of a face: framing, pings, inbound limits, and the cut for slow readers.

Frames are encoded once per message (a server's frames are unmasked and the same for all) and written
straight to the transport; aiohttp does the handshake, the parsing and the closing handshake.
All methods run on the event loop's thread.
"""

import asyncio
import logging
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

LOG = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 2.0
NO_STATUS = 1005  # stands for a close frame without a code (RFC 6455, section 7.1.5)
LARGEST_INBOUND = 64 * 1024  # bytes; larger messages are refused by the parser with 1009


@dataclass(frozen=True, slots=True)
class ConnectionRules:
    """A venue's rules for one connection; times in seconds, 0 switches a rule off.

    ``send_buffer`` bounds what waits for a slow reader, in bytes: whoever lets more pile up is cut at once.
    ``inbound_per_s`` counts pings, pongs and messages in any one second.
    """

    ping_s: float
    pong_s: float
    life_s: float
    send_buffer: int
    inbound_per_s: int = 0


def frame_text(payload: bytes) -> bytes:
    """Frame a server's text message (RFC 6455, section 5.2)."""
    return b"\x81" + _length(len(payload)) + payload


def _length(size: int) -> bytes:
    if size < 126:
        return bytes((size,))
    if size < 65536:
        return b"\x7e" + struct.pack("!H", size)
    return b"\x7f" + struct.pack("!Q", size)


class Connection:
    """A client that has done the handshake. ``on_text`` gets each text or binary message.

    ``on_inbound`` is called for each frame that is read: messages, pings and pongs.
    """

    def __init__(
        self,
        request: web.Request,
        socket_: web.WebSocketResponse,
        rules: ConnectionRules,
        *,
        on_text: Callable[[bytes], None],
        on_end_of_life: Callable[[], None],
        on_inbound: Callable[[], None],
    ) -> None:
        transport = request.transport
        assert transport is not None  # the handshake has just been answered on it
        self.remote = request.remote or "?"
        self.close_code: int | None = None  # set when this side has decided to close
        self._socket = socket_
        assert isinstance(transport, asyncio.Transport)
        self._transport: asyncio.Transport = transport
        self._out: list[bytes] = []  # written in this turn of the event loop
        self._rules = rules
        self._on_text = on_text
        self._on_end_of_life = on_end_of_life
        self._on_inbound = on_inbound
        self._inbound: deque[float] = deque(maxlen=max(1, rules.inbound_per_s))
        self._pings: deque[tuple[bytes, float]] = deque()  # sent and not answered, oldest first
        self._ping_number = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._opened_s = asyncio.get_running_loop().time()
        # On the loop's clock: when the face last had something to say to it (a fault may have withheld it), and when
        # something was read.
        self.said_s = self.heard_s = self._opened_s
        self._muted = 0  # how many want nothing to be sent
        self._deaf = 0  # how many want nothing to be read
        self._allowance = 0  # bytes that may wait beyond the rule, for messages that are larger by intention
        _bound_kernel_buffer(transport, rules.send_buffer)

    @property
    def open(self) -> bool:
        """Whether frames can still be sent."""
        return self.close_code is None and not self._transport.is_closing()

    @property
    def now_s(self) -> float:
        """What the loop's clock says now."""
        return asyncio.get_running_loop().time()

    def write(self, framed: bytes) -> None:
        """Send a framed message; all that is written in one turn of the event loop leaves in one packet."""
        if self._muted or not self.open:
            return
        self._out.append(framed)
        if len(self._out) == 1:
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Hand over what was gathered; cut the connection when too much waits for the reader."""
        out, self._out = self._out, []
        if not out or self._transport.is_closing():
            return
        self._transport.write(b"".join(out))
        waiting = self._transport.get_write_buffer_size()
        if waiting <= self._rules.send_buffer:
            self._allowance = 0
        elif waiting > self._rules.send_buffer + self._allowance:
            LOG.info("client %s cut: it reads too slowly", self.remote)
            self.close_code = WSCloseCode.ABNORMAL_CLOSURE
            # A closing handshake would wait behind the backlog; a real venue resets such a connection too.
            self._transport.abort()

    def close(self, code: int | None, reason: str = "") -> None:
        """Send a close frame and wait a little for the client's; nothing else is sent after it.

        Without a code the frame is empty, and a client knows it as 1005.

        aiohttp's own closing would drop the connection at once when it comes from a timer, and the client's answer
        would then meet a closed port.
        """
        if self.close_code is not None:
            return
        self._write_control(0x88, struct.pack("!H", code) + reason.encode() if code else b"")
        self._flush()
        if self.close_code is not None:
            return  # cut while flushing
        self.close_code = code or NO_STATUS
        self.after("close", CLOSE_TIMEOUT_S, self._transport.close)

    def abort(self, *, reset: bool = False) -> None:
        """End without a close frame; what waits is dropped. With ``reset`` the client gets a TCP reset."""
        self._out.clear()
        if self.close_code is None:
            self.close_code = WSCloseCode.ABNORMAL_CLOSURE
        abort(self._transport, reset=reset)

    def allow(self, size: int) -> None:
        """Let a message of ``size`` bytes wait beyond what slow readers may let pile up, until it has left."""
        self._allowance += size

    def mute(self) -> None:
        """Send nothing more, pings, pongs and close frames included, until `unmute` was called as often."""
        self._muted += 1
        for name in ("ping", "pong"):
            self.cancel(name)
        self._pings.clear()

    def unmute(self) -> None:
        """Speak again: what was not sent is lost, pings begin anew."""
        self._muted -= 1
        if not self._muted and self._rules.ping_s and self.open:
            self.after("ping", self._rules.ping_s, self._ping)

    def pause_reading(self) -> None:
        """Read nothing more, not even the client's goodbye, until `resume_reading` was called as often."""
        self._deaf += 1
        if self._transport.is_reading():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._deaf -= 1
        if not self._deaf and not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()

    def live_for(self, life_s: float, at_end: Callable[[], None] | None = None) -> None:
        """Let it end at another age (in seconds, 0: never), by ``at_end`` or by the face's goodbye.

        A connection that has been told of its end is left alone.
        """
        self.cancel("life")
        if life_s and self.open and "goodbye" not in self._timers:
            left_s = self._opened_s + life_s - asyncio.get_running_loop().time()
            self.after("life", max(0.0, left_s), at_end or self._on_end_of_life)

    def cancel(self, name: str) -> None:
        """Forget a timer, if there is one."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def after(self, name: str, delay_s: float, call: Callable[[], None]) -> None:
        """Call once later, unless the connection ends first; a timer of the same name is replaced."""
        self.cancel(name)
        self._timers[name] = asyncio.get_running_loop().call_later(delay_s, call)

    def when_idle(self, name: str, idle_s: float, last_s: Callable[[], float], call: Callable[[], None]) -> None:
        """Call whenever ``last_s()`` (on the loop's clock) was ``idle_s`` ago, and again after as long; 0: never.

        While nothing may be sent nobody is found idle.
        """
        if not idle_s:
            return

        def look() -> None:
            left_s = last_s() + idle_s - asyncio.get_running_loop().time()
            if left_s <= 0.0005:
                if not self._muted:
                    call()
                left_s = idle_s
            if self.open:
                self.after(name, left_s, look)

        self.after(name, idle_s, look)

    async def run(self) -> None:
        """Serve until the connection ends."""
        if self._rules.ping_s and not self._muted:
            self.after("ping", self._rules.ping_s, self._ping)
        if "life" not in self._timers:
            self.live_for(self._rules.life_s)
        try:
            await self._read()
        finally:
            for timer in self._timers.values():
                timer.cancel()
            self._timers.clear()
            self._flush()
            # Sends what is buffered; aiohttp then finds the connection closing and adds no frame of its own.
            self._transport.close()

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG):
                if self.close_code is None:
                    self._on_message(message.type, message.data)
                continue
            if message.type is WSMsgType.CLOSE and self.close_code is None:
                self._write_control(0x88, struct.pack("!H", message.data) if message.data else b"")
                self._flush()
                self.close_code = message.data or NO_STATUS
            return  # both have said goodbye, the connection is lost, or aiohttp has answered a protocol error

    def _on_message(self, kind: WSMsgType, data: str | bytes) -> None:
        self._on_inbound()
        self.heard_s = asyncio.get_running_loop().time()
        if self._too_many():
            self.close(WSCloseCode.POLICY_VIOLATION, "Too many requests")
            return
        raw = data.encode() if isinstance(data, str) else bytes(data)
        if kind is WSMsgType.PING:
            self._write_control(0x8A, raw)
        elif kind is WSMsgType.PONG:
            self._on_pong(raw)
        else:
            self._on_text(raw)

    def _too_many(self) -> bool:
        limit = self._rules.inbound_per_s
        if not limit:
            return False
        now = asyncio.get_running_loop().time()
        too_many = len(self._inbound) == limit and now - self._inbound[0] < 1.0
        self._inbound.append(now)
        return too_many

    def _ping(self) -> None:
        now = asyncio.get_running_loop().time()
        self._ping_number += 1
        payload = b"%d" % (1_700_000_000_000 + self._ping_number)
        if self._rules.pong_s:
            if not self._pings:
                self.after("pong", self._rules.pong_s, self._on_silence)
            self._pings.append((payload, now))
        self._write_control(0x89, payload)
        self.after("ping", self._rules.ping_s, self._ping)

    def _on_pong(self, payload: bytes) -> None:
        """Accept a pong that answers a ping; by RFC 6455 it answers all earlier ones too. Others are ignored."""
        if not any(payload == sent for sent, _ in self._pings):
            return
        while self._pings.popleft()[0] != payload:
            pass
        self.cancel("pong")
        if self._pings:
            waited = asyncio.get_running_loop().time() - self._pings[0][1]
            self.after("pong", max(0.0, self._rules.pong_s - waited), self._on_silence)

    def _on_silence(self) -> None:
        LOG.info("client %s cut: no matching pong within %g s", self.remote, self._rules.pong_s)
        self.close(WSCloseCode.POLICY_VIOLATION, "Pong timeout")

    def _write_control(self, first: int, payload: bytes) -> None:
        # Control payloads are 125 bytes at most; the parser has refused longer ones.
        self.write(bytes((first, len(payload))) + payload)


def abort(transport: asyncio.Transport, *, reset: bool) -> None:
    """Close at once, dropping what waits: with a FIN, or with ``reset`` with an RST."""
    raw = transport.get_extra_info("socket")
    if reset and raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _bound_kernel_buffer(transport: asyncio.BaseTransport, size: int) -> None:
    """Keep the kernel from adding megabytes to the bound that we promise."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, min(size, 256 * 1024))
