"""Addresses, and what is registered."""

import pytest

from exchanges import VENUES, Address, BadEndpoint, ExchangeError

ADDRESS = Address("https://a.example", "wss://b.example")


@pytest.mark.parametrize(
    ("kind", "url", "clean"),
    [
        ("rest", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("rest", "https://[::1]:8080/", "https://[::1]:8080"),
        ("ws", "ws://localhost:9", "ws://localhost:9"),
        ("ws", "wss://x.example", "wss://x.example"),
        ("ws", "wss://x.example/base/", "wss://x.example/base"),
    ],
)
def test_endpoints(kind: str, url: str, clean: str) -> None:
    """One of the two is replaced, the other one stays."""
    changed = ADDRESS.with_endpoint(kind, url)
    assert (changed.rest, changed.ws) == ((clean, ADDRESS.ws) if kind == "rest" else (ADDRESS.rest, clean))


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("rest", "ws://x"), ("rest", "127.0.0.1:80"), ("rest", ""), ("rest", "http://"), ("rest", "http://x:port"),
        ("rest", "http://x:99999"), ("rest", "http://x:0"), ("rest", "http://[::1"), ("ws", "http://x"),
        ("ws", "wss:///path"), ("fix", "tcp://x:1"), ("", ""),
    ],
)  # fmt: skip
def test_bad_endpoints(kind: str, url: str) -> None:
    """The message names what is wrong and how to write it."""
    with pytest.raises(BadEndpoint, match=r"HOST:PORT|VENUE\.rest=URL") as caught:
        ADDRESS.with_endpoint(kind, url)
    assert isinstance(caught.value, ExchangeError)


@pytest.mark.parametrize("name", list(VENUES))
def test_every_venue_says_what_is_needed(name: str) -> None:
    """Name, encrypted addresses, limits that make sense, options with a default."""
    venue = VENUES[name]
    assert venue.name == name == name.lower()
    for address in venue.hosts.values():
        assert address.rest.startswith("https://")
        assert address.ws.startswith("wss://")
    assert "default" in venue.hosts
    assert 0 < venue.limits.quiet_s < venue.limits.dead_s
    assert all(values for values in venue.options.values())
    assert venue.protocol([], {}).instruments == ()
