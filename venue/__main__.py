"""Starts the venue: ``python -m venue --help`` tells the rest."""

import asyncio
import gc
import logging
import selectors
import signal
import sys
from typing import Any

import msgspec
from aiohttp.http_exceptions import HttpProcessingError

from venue.config import Settings, parse
from venue.service import Venue, VenueError

LOG = logging.getLogger("venue")


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal; return the exit status: 0 after SIGINT or SIGTERM, 1 when the venue could not run."""
    settings = parse(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(
        level=settings.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("aiohttp.server").addFilter(_is_ours)
    with asyncio.Runner(loop_factory=lambda: _loop(settings)) as runner:
        try:
            return runner.run(_serve(settings))
        except VenueError as error:
            print(f"venue: {error}", file=sys.stderr)
            return 1


def _is_ours(record: logging.LogRecord) -> bool:
    """Tell whether a record of aiohttp is about us; a client's malformed HTTP is answered, and not our failure."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _loop(settings: Settings) -> asyncio.AbstractEventLoop:
    # epoll rounds its timeout up to whole milliseconds, select does not: a thousand frames a second need the latter.
    # It cannot watch more than a thousand descriptors, which a measurement does not have.
    if settings.flow == "steady":
        return asyncio.SelectorEventLoop(selectors.SelectSelector())
    return asyncio.SelectorEventLoop()


async def _serve(settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    failed: list[str] = []

    def on_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """End the program: a venue whose timer has died must not look alive."""
        error = context.get("exception")
        if isinstance(error, (ConnectionError, TimeoutError)):
            LOG.debug("a client's connection failed: %s", error)
            return
        LOG.critical("unexpected failure: %s", context.get("message"), exc_info=error)
        failed.append(str(context.get("message")))
        done.set()

    loop.set_exception_handler(on_error)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    venue = Venue(settings)
    await venue.start()
    gc.collect()
    gc.freeze()  # what is built by now stays: the collector need not walk it again
    endpoints = venue.endpoints()
    for name, addresses in endpoints.items():
        print(f"{name} listening on {addresses['rest']}", file=sys.stderr, flush=True)
    if settings.print_endpoints:
        print(msgspec.json.encode(endpoints).decode(), flush=True)
    await done.wait()
    await venue.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
