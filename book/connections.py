"""How many connections of a venue stand."""

import threading


class Connections:
    """The count of one venue's connections, shared by all of its books. Thread-safe; reading takes no lock."""

    __slots__ = ("_lock", "standing")

    def __init__(self) -> None:
        self.standing = 0
        self._lock = threading.Lock()  # connections come and go in threads of their own

    def opened(self) -> None:
        """One more stands."""
        with self._lock:
            self.standing += 1

    def closed(self) -> None:
        """One is gone."""
        with self._lock:
            self.standing -= 1
