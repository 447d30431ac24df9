"""The bare relay: what our transport costs without a market in it. `python -m bench.relay WS_URL`.

It reads depth frames with the server's own WebSocket set-up and writes the same bytes to its clients by grpc.aio in a
thread of its own: no decoding, no book, no merging, no encoding.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future

import grpc
import grpc.aio
import websocket

import server
from bench.reading import open_socket
from services.loop import new_loop

METHOD = "/bench.Relay/Frames"

_WAITING = 10_000  # frames for one client; more than that is no relay any more


class Relay:
    """Hands frames from the reading thread to every open stream. All but `publish` belongs to the loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clients: dict[asyncio.Queue[bytes], None] = {}

    def publish(self, frame: bytes) -> None:
        """In the reading thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._put, frame)

    async def serve(self, port: "Future[int]") -> None:
        """For ever."""
        self._loop = asyncio.get_running_loop()
        server = grpc.aio.server()
        service, _, method = METHOD.strip("/").partition("/")
        handler = grpc.unary_stream_rpc_method_handler(self._frames)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        found = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        port.set_result(found)
        await server.wait_for_termination()

    async def _frames(self, _: bytes, _context: object) -> AsyncIterator[bytes]:
        frames: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)
        self._clients[frames] = None
        try:
            while True:
                yield await frames.get()
        finally:
            del self._clients[frames]

    def _put(self, frame: bytes) -> None:
        for frames in self._clients:
            frames.put_nowait(frame)


def _run(relay: Relay, port: "Future[int]") -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(relay.serve(port))


def main() -> None:
    """Reads until it is ended."""
    relay, port = Relay(), Future[int]()
    threading.Thread(target=_run, args=(relay, port), name="grpc", daemon=True).start()
    number = port.result(30)
    server.tune_interpreter()
    with open_socket(sys.argv[1]) as ws:
        print(f"listening on {number}", flush=True)
        while True:
            opcode, frame = ws.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_TEXT and b'"depthUpdate"' in frame[:160]:
                relay.publish(frame)
            elif opcode == websocket.ABNF.OPCODE_CLOSE:
                raise SystemExit("the venue closed the connection")


if __name__ == "__main__":
    main()
