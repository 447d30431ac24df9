"""A process that sends bursts of WebSocket frames: `python -m bench.burst BYTES FRAMES`.

A client that begins with an HTTP request gets the answer that opens a WebSocket, any other gets none. From then on
whatever it sends is answered by FRAMES text frames of BYTES bytes.
"""

import base64
import hashlib
import re
import socket
import sys
import threading

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def text_frame(size: int) -> bytes:
    """One unmasked frame with `size` bytes of text, 126 to 65535, that looks like prices."""
    row = b'["61837.63000000","3.78826000"],'
    payload = (row * (size // len(row) + 1))[:size]
    return b"\x81\x7e" + size.to_bytes(2, "big") + payload


def serve(client: socket.socket, burst: bytes) -> None:
    """Answers one client until it goes."""
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b""
        while b"\r\n\r\n" not in request:
            data = client.recv(4096)
            if not data:
                return
            request += data
        if request.startswith(b"GET"):
            found = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
            key = found[1] if found else b""
            accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
            client.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
            )
        asked = request.partition(b"\r\n\r\n")[2]
        while asked or client.recv(4096):
            asked = b""
            client.sendall(burst)


def main() -> None:
    """Serves until it is ended."""
    burst = text_frame(int(sys.argv[1])) * int(sys.argv[2])
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(f"listening on {server.getsockname()[1]}", flush=True)
        while True:
            client, _ = server.accept()
            threading.Thread(target=serve, args=(client, burst), daemon=True).start()


if __name__ == "__main__":
    main()
