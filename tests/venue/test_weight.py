"""Request weights: 429, its end, and the ban for those who go on."""

from venue.weight import WeightLimiter

NOON = 1_790_000_040.0  # the first second of a minute


def test_weight_is_refused_when_spent_and_free_again_in_the_next_minute() -> None:
    """6000 a minute: the request that would pass the limit is refused until the minute is over."""
    limiter = WeightLimiter(6000)
    for number in range(24):
        verdict = limiter.charge("a", 250, NOON + 5)
        assert (verdict.status, verdict.used) == (200, 250 * (number + 1))
    refused = limiter.charge("a", 250, NOON + 5)
    assert (refused.status, refused.retry_after_s) == (429, 55)
    assert limiter.charge("b", 250, NOON + 5).status == 200, "another address has its own budget"
    assert limiter.charge("a", 250, NOON + 60).used == 250


def test_going_on_after_429_is_banned_for_longer_each_time() -> None:
    """Ten more requests are forgiven; then 418, two minutes the first time, four the second."""
    limiter = WeightLimiter(100, patience=10)
    now = NOON
    for length in (120, 240, 480):
        statuses = [limiter.charge("a", 101, now).status for _ in range(12)]
        assert statuses == [429] * 10 + [418] * 2
        verdict = limiter.charge("a", 1, now + length - 1)
        assert (verdict.status, verdict.retry_after_s) == (418, 1)
        assert verdict.banned_until_ms == int((now + length) * 1000)
        now += length
        assert limiter.charge("a", 1, now).status == 200
        now += 60


def test_addresses_are_bounded() -> None:
    """The oldest address is forgotten when there are too many."""
    limiter = WeightLimiter()
    for number in range(limiter.ADDRESSES + 10):
        limiter.charge(str(number), 1, NOON)
    assert len(limiter._accounts) == limiter.ADDRESSES
