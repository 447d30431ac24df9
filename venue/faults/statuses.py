"""What a venue's edge answers with a status other than 200: bodies in the venue's own words.

Source: the status table of Binance's public REST documentation and the replies its clients report; the error
object of Bitstamp's HTTP API, and the HTML pages of the edges in front of both.
"""

from typing import Final

import msgspec
from aiohttp import web

from venue.catalog import BINANCE
from venue.clock import wall_us

RESTRICTED: Final = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in "
    "https://www.binance.com/en/terms. Please contact customer service if you believe you received this message "
    "in error."
)
HTML_STATUSES: Final = (403, 500, 502, 503, 504)


def page(title: str) -> bytes:
    """Return the HTML page of an edge."""
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>cloudfront</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def refusal(face: str, status: int, retry_after_s: int = 0) -> web.Response:
    """Return a refusal as the face words it; ``retry_after_s`` 0 means no Retry-After."""
    response = web.Response(status=status)
    if status in HTML_STATUSES:
        response.body, response.content_type = page(f"{status} {response.reason}"), "text/html"
    else:
        response.body = msgspec.json.encode(_words(face, status, retry_after_s))
        response.content_type = "application/json"
    if retry_after_s:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def _words(face: str, status: int, retry_after_s: int) -> dict[str, object]:
    if face != BINANCE:
        return {"status": "error", "reason": f"Request refused ({status}).", "code": f"{status}.002"}
    if status == 451:
        return {"code": 0, "msg": RESTRICTED}
    if status == 418:
        until_ms = wall_us() // 1000 + retry_after_s * 1000
        return {
            "code": -1003,
            "msg": f"Way too much request weight used; IP banned until {until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans.",
        }
    if status == 429:
        return {
            "code": -1003,
            "msg": "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
        }
    return {"code": -1000, "msg": "An unknown error occurred while processing the request."}
