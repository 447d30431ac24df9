"""What a venue's edge answers with a status other than 200, in the venue's own words."""

from aiohttp import web

from venue.faces.wording import Wording


def refusal(wording: Wording, status: int, retry_after_s: int = 0) -> web.Response:
    """Return a refusal as the face words it; ``retry_after_s`` 0 means no Retry-After."""
    told, body, kind = wording.refusal(status, retry_after_s)
    response = web.Response(status=told, body=body, content_type=kind)
    if retry_after_s:
        response.headers["Retry-After"] = str(retry_after_s)
    return response
