"""Checksums that are wrong while the book is right."""

from typing import ClassVar

from venue.faces.connection import frame_text
from venue.faults.fault import Outgoing, concerns
from venue.faults.frames import FrameFault
from venue.faults.framing import payload_of
from venue.faults.parameters import Parameter, every


class Checksum(FrameFault):
    """A message of the book whose checksum is not that of the book."""

    kind = "checksum"
    summary = "the checksum of a book message is false, its levels are right: a correct client takes a new snapshot"
    faces: ClassVar[tuple[str, ...]] = ("kraken", "bitfinex")
    parameters: ClassVar[tuple[Parameter, ...]] = (every(),)
    stage = 0
    default_count = 1

    def concerns(self, out: Outgoing) -> bool:
        """Only book differences."""
        return out.target.kind == "diff" and concerns(self.spec.symbol, out.target)

    def able(self, out: Outgoing) -> bool:
        """Need a checksum."""
        pattern = self.host.wording.checksum
        return pattern is not None and pattern.search(payload_of(out.framed)) is not None

    def disturb(self, out: Outgoing) -> None:
        """Change it, and not its sign."""
        payload, pattern = payload_of(out.framed), self.host.wording.checksum
        found = pattern.search(payload) if pattern else None
        assert found is not None
        true = int(found[1])
        false = true ^ self.random.randrange(1, 2**31)
        self.last = {"stream": out.stream, **self.host.wording.position(payload), "true": true, "sent": false}
        payload = payload[: found.start(1)] + b"%d" % false + payload[found.end(1) :]
        self.desk.pass_on(out._replace(framed=frame_text(payload)), self)
