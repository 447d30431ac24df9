"""REST replies that come late, say no, say something else, or do not come at all."""

import asyncio
from typing import ClassVar, Final

from aiohttp import ClientConnectionError, web

from venue.faces.wording import page
from venue.faults.fault import Fault, Target, concerns
from venue.faults.links import hang_up
from venue.faults.parameters import Parameter, every
from venue.faults.statuses import refusal

CLIENT_GONE: Final = (ConnectionError, ClientConnectionError)
MOST_PENDING: Final = 1000  # replies that one fault keeps waiting; more are left alone

ENDPOINT: Final = Parameter(
    "endpoint",
    "snapshot",
    "which requests: book snapshots, the catalog of symbols, or any",
    choices=("snapshot", "catalog", "any"),
)


class ReplyFault(Fault):
    """A fault on replies to requests of a chosen kind."""

    parameters: ClassVar[tuple[Parameter, ...]] = (ENDPOINT, every())
    needs_body: ClassVar[bool] = True  # strikes replies with status 200 and a body only

    def begin(self) -> None:
        """Begin to count."""
        self._seen = 0
        self._pending = 0

    @property
    def busy(self) -> bool:
        """Whether a reply is under way."""
        return bool(self._pending)

    def concerns_request(self, target: Target) -> bool:
        """Tell whether a request may be struck."""
        return concerns(self.spec.symbol, target) and self.word("endpoint") in ("any", target.kind)

    async def reply(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Return the reply to send instead; each that concerns this fault comes here."""
        if self.spent or self._pending >= MOST_PENDING or not isinstance(response, web.Response) or response.prepared:
            return response
        if self.needs_body and (response.status != 200 or not isinstance(response.body, bytes)):
            return response
        self._seen += 1
        if self._seen % self.whole("every"):
            return response
        self.strike()
        self._pending += 1
        try:
            return await self.disturb(request, response)
        finally:
            self._pending -= 1
            self.settle()

    async def disturb(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Strike a reply."""
        raise NotImplementedError

    async def wait(self, delay_s: float) -> bool:
        """Wait, but not longer than the fault lasts; tell whether it is over."""
        try:
            await asyncio.wait_for(self.over.wait(), delay_s)
        except TimeoutError:
            return False
        return True


def body_of(response: web.Response) -> bytes:
    """Return the body; `reply` has made sure that there is one."""
    assert isinstance(response.body, bytes)
    return response.body


class Late(ReplyFault):
    """Replies that come late: written at once, sent after the delay, so that they are old on arrival."""

    kind = "late"
    summary = "the reply is written at once and sent after a delay: a snapshot is old when it arrives"
    parameters = (*ReplyFault.parameters, Parameter("delay_s", 2.0, "the delay", 0, 3600))
    needs_body = False

    async def disturb(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Wait."""
        await self.wait(self.number_of("delay_s"))
        return response


class Status(ReplyFault):
    """Replies with a status other than 200, worded as the venue does."""

    kind = "status"
    summary = "the reply is an error, such as 429, 418, 451, 403 or 503, in the venue's words"
    parameters = (
        *ReplyFault.parameters,
        Parameter("code", 429, "the HTTP status", 400, 599),
        Parameter("retry_after_s", 0, "the Retry-After header; 0: none", 0, 259_200),
    )
    needs_body = False

    async def disturb(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Refuse; the weight headers stay."""
        refused = refusal(self.host.wording, self.whole("code"), self.whole("retry_after_s"))
        for name, value in response.headers.items():
            if name.upper().startswith("X-MBX-"):
                refused.headers[name] = value
        return refused


class Html(ReplyFault):
    """A web page where JSON should be, with a status that says all is well."""

    kind = "html"
    summary = "the reply is an HTML page with status 200"

    async def disturb(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Send the page."""
        return web.Response(body=page("Just a moment..."), content_type="text/html")


class Truncated(ReplyFault):
    """Replies that are only a part of what they should be."""

    kind = "truncated"
    summary = "only the first part of the body is sent"
    parameters = (
        *ReplyFault.parameters,
        Parameter("share", 0.5, "how much of it", 0, 0.999),
        Parameter(
            "close", False, "the header promises all and the connection ends in the middle; else it promises the part"
        ),
    )

    async def disturb(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Send a part."""
        body = body_of(response)
        part = body[: int(len(body) * self.number_of("share"))]
        if not self.flag("close"):
            response.body = part
            return response
        broken = stream_like(response)
        broken.content_length = len(body)
        try:
            await broken.prepare(request)
            await broken.write(part)
        except CLIENT_GONE:
            return broken  # the client has gone
        if request.transport is not None:
            request.transport.close()  # sends what waits, then ends
        return broken


class Cached(ReplyFault):
    """An edge that answers with the same body for a time, whatever the query."""

    kind = "cached"
    summary = "the same body again for a time, whatever the query is (so that no query gets past the cache)"
    parameters = (*ReplyFault.parameters, Parameter("s", 10.0, "how long a body is kept", 0.01, 3600))

    def begin(self) -> None:
        """Begin with nothing kept."""
        super().begin()
        self._kept: dict[Target, tuple[float, bytes]] = {}  # at most one for each symbol and kind of request

    async def disturb(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Send what is kept, or keep what is sent."""
        target = self.host.request_target(request)
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(target)
        if kept is None or kept[0] <= now:
            self._kept[target] = (now + self.number_of("s"), body_of(response))
        else:
            response.body = kept[1]
        return response


class NoReply(ReplyFault):
    """Requests that are read and never answered: the connection ends instead."""

    kind = "no_reply"
    summary = "the connection is closed without a reply"
    parameters = (*ReplyFault.parameters, Parameter("reset", False, "by a TCP reset instead of a plain end"))
    needs_body = False

    async def disturb(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Hang up."""
        return hang_up(request, reset=self.flag("reset"))


def stream_like(response: web.Response) -> web.StreamResponse:
    """Return a reply with the same head, whose body is sent by hand."""
    copy = web.StreamResponse(status=response.status)
    for name, value in response.headers.items():
        if name.lower() not in ("content-length", "transfer-encoding"):
            copy.headers[name] = value
    return copy
