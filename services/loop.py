"""What a process with a thousand streams needs: a quick event loop, and descriptors for the sockets."""

import asyncio

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]


def new_loop() -> asyncio.AbstractEventLoop:
    """The loop of uvloop where it is installed: a third less work for each message."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def allow_open_files(wanted: int) -> int:
    """Raises the process's limit on open files to `wanted` where the machine allows it; returns the limit.

    Many systems start programs with 1024, which is less than a thousand connections and what else is open.
    """
    if resource is None:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if most > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(soft, most)
