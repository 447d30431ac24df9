"""The venue's limit of messages, with times from a table."""

from exchanges.outbox import Outbox


def test_so_many_a_second_in_their_order() -> None:
    """The rest waits until the oldest of the second is a second ago."""
    outbox = Outbox(3)
    for number in range(8):
        outbox.put(str(number))
    assert list(outbox.due(10.0)) == ["0", "1", "2"]
    assert outbox.wait_s(10.5) == 0.5
    assert list(outbox.due(10.9)) == []
    assert list(outbox.due(11.0)) == ["3", "4", "5"]
    assert list(outbox.due(50.0)) == ["6", "7"]
    assert outbox.wait_s(50.0) is None


def test_never_more_than_that_in_any_second() -> None:
    """Also where the second begins in the middle of a burst."""
    outbox = Outbox(2)
    sent = []
    for tick in range(60):
        outbox.put("x")
        sent += [tick / 10 for _ in outbox.due(tick / 10)]
    assert all(sum(start <= at < start + 1.0 for at in sent) <= 2 for start in sent)
    assert len(sent) >= 11


def test_without_a_limit() -> None:
    """Everything goes at once."""
    outbox = Outbox(0)
    for _ in range(100):
        outbox.put("x")
    assert len(list(outbox.due(0.0))) == 100
    assert outbox.wait_s(0.0) is None


def test_clear() -> None:
    """Another connection begins with an empty box; the venue may count by address, so what was sent counts on."""
    outbox = Outbox(1)
    outbox.put("a")
    outbox.put("b")
    assert list(outbox.due(0.0)) == ["a"]
    outbox.clear()
    outbox.put("c")
    assert list(outbox.due(0.5)) == []
    assert list(outbox.due(1.0)) == ["c"]
