"""The Bybit face's truth goes by the numbers of messages, across topics and restarts."""

from tests.venue.clients import Levels, apply, numbers, running, until
from tests.venue.test_bybit_face import FAST, PAIR, PATH, Replica, follow, subscribe, wrong


async def test_changes_go_by_the_numbers_of_the_messages() -> None:
    """A book and the changes after its number give the true book at the number of every later message."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH)
        await subscribe(socket, "orderbook.50.BTCUSDT")
        replica = Replica()
        await follow(socket, replica, lambda: replica.messages > 1)
        start = await client.body("bybit", f"/admin/book?symbol=BTCUSDT&levels=0&at={replica.last}")
        assert start["update_id"] == replica.last
        sides: tuple[Levels, Levels] = ({}, {})
        for side, name in zip(sides, ("bids", "asks"), strict=True):
            apply(side, start[name])
        await follow(socket, replica, lambda: replica.messages > 10)
        after, rows = start["update_id"], []
        while True:
            page = await client.body("bybit", f"/admin/changes?symbol=BTCUSDT&after={after}&limit=15")
            rows += page["changes"]
            if not page["changes"] or page["changes"][-1][0] >= replica.last:
                break
            after = page["changes"][-1][0]
        assert page["public_update_id"] >= replica.last
        for number, _, side, price, total in rows:
            assert number > start["update_id"]
            if number <= replica.last:
                apply(sides[side == "ask"], [[price, total]])
        true = await client.body("bybit", f"/admin/book?symbol=BTCUSDT&levels=0&at={replica.last}")
        assert numbers(true["bids"]) == numbers(sides[0]) and numbers(true["asks"]) == numbers(sides[1])


async def test_small_numbers_belong_to_the_topic_that_began_anew_last() -> None:
    """Two topics restart one after the other: the truth at number 1 is the second one's."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH)
        for depth in (200, 50, 200):
            await subscribe(socket, f"orderbook.{depth}.BTCUSDT")
            replica = Replica()
            await follow(socket, replica, lambda replica=replica: replica.messages > 3)  # type: ignore[misc]
            await client.fault("bybit", "restart", symbol="BTCUSDT")
            await follow(socket, replica, lambda replica=replica: replica.snapshots == 2)  # type: ignore[misc]
            assert replica.last == 1 and await wrong(client, replica, depth) == 0
            await socket.send_json({"op": "unsubscribe", "args": [f"orderbook.{depth}.BTCUSDT"]})
            await until(socket, lambda m: m.get("op") == "unsubscribe")


async def test_the_present_is_the_book_at_its_own_number() -> None:
    """Without ``at`` the answer is what the newest message told, so that a judge can begin with it."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH)
        await subscribe(socket, "orderbook.1000.BTCUSDT")
        await until(socket, lambda m: "topic" in m)
        for _ in range(10):
            told = await client.body("bybit", "/admin/book?symbol=BTCUSDT&levels=0")
            again = await client.body("bybit", f"/admin/book?symbol=BTCUSDT&levels=0&at={told['update_id']}")
            assert told == again
            await until(socket, lambda m: "topic" in m)


async def test_changes_lead_across_a_restart() -> None:
    """Page after page, from a book with a number of before it to the true book at a number of after it."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH)
        await subscribe(socket, "orderbook.50.BTCUSDT")
        replica = Replica()
        await follow(socket, replica, lambda: replica.messages > 3)
        start = after = replica.last
        book = await client.body("bybit", f"/admin/book?symbol=BTCUSDT&levels=0&at={start}")
        sides: tuple[Levels, Levels] = ({}, {})
        for side, name in zip(sides, ("bids", "asks"), strict=True):
            apply(side, book[name])
        await client.fault("bybit", "restart", symbol="BTCUSDT")
        await follow(socket, replica, lambda: replica.snapshots == 2)
        await follow(socket, replica, lambda: replica.last > 6)
        while not replica.last <= after < start:
            page = await client.body("bybit", f"/admin/changes?symbol=BTCUSDT&after={after}&limit=15")
            assert page["changes"], "nothing is told of what came after the restart"
            for after, _, word, price, total in page["changes"]:
                if after > start or after <= replica.last:
                    apply(sides[word == "ask"], [[price, total]])
        true = await client.body("bybit", f"/admin/book?symbol=BTCUSDT&levels=0&at={replica.last}")
        assert numbers(true["bids"]) == numbers(sides[0]) and numbers(true["asks"]) == numbers(sides[1])
