"""The table of Binance's control messages and their replies, without sockets."""

import json

import pytest

from venue.faces.binance_control import MOST_STREAMS, Session, TooManyStreams, is_stream_name


def session() -> Session:
    return Session(lambda _: None, lambda _: None)


CASES = [
    ('{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}', {"result": None, "id": 1}),
    ('{"method":"SUBSCRIBE","params":["BTCUSDT@trade"],"id":"x"}', {"result": None, "id": "x"}),
    ('{"method":"SUBSCRIBE","params":["btcusdt@trade"]}', {"result": None, "id": None}),
    ('{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":-5}', {"result": None, "id": -5}),
    ('{"method":"LIST_SUBSCRIPTIONS","id":3}', {"result": [], "id": 3}),
    ('{"method":"SET_PROPERTY","params":["combined",true],"id":4}', {"result": None, "id": 4}),
    ('{"method":"GET_PROPERTY","params":["combined"],"id":5}', {"result": False, "id": 5}),
]

ERRORS = [
    ('{"method":"SET_PROPERTY","params":["nope",true],"id":1}', 0, "Unknown property"),
    ('{"method":"GET_PROPERTY","params":["nope"],"id":1}', 0, "Unknown property"),
    ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1, "expected Boolean"),
    ('{"method":"SET_PROPERTY","params":["combined"],"id":1}', 1, "expected Boolean"),
    ('{"method":"SET_PROPERTY","params":[7,true],"id":1}', 2, "property name must be a string"),
    ('{"method":"GET_PROPERTY","params":["combined",1],"id":1}', 2, "too many parameters"),
    ('{"method":"DANCE","params":[],"id":1}', 2, "unknown variant"),
    ('{"method":["SUBSCRIBE"],"id":1}', 2, "unknown variant"),
    ('{"params":[],"id":1}', 2, "missing field `method`"),
    ('{"method":"SUBSCRIBE","id":1}', 2, "missing field `params`"),
    ('{"method":"SUBSCRIBE","params":"btcusdt@trade","id":1}', 2, "array of strings"),
    ('{"method":"SUBSCRIBE","params":["btcusdt"],"id":1}', 2, "invalid stream"),
    ('{"method":"SUBSCRIBE","params":["@depth"],"id":1}', 2, "invalid stream"),
    ('{"method":"SUBSCRIBE","params":["btcusdt@dance"],"id":1}', 2, "invalid stream"),
    ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1.5}', 2, "request ID must be an unsigned integer"),
    ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":true}', 2, "request ID must be an unsigned integer"),
    ('{"method":"LIST_SUBSCRIPTIONS","id":9223372036854775808}', 2, "request ID"),
    (json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": "x" * 37}), 2, "request ID"),
    ("[]", 2, "Invalid request"),
    ("not json", 3, "line 1 column 1"),
    ('{"method":\n oops}', 3, "line 2 column 2"),
    ("[" * 5000, 3, "Invalid JSON"),
]


@pytest.mark.parametrize(("sent", "reply"), CASES)
def test_replies(sent: str, reply: object) -> None:
    assert json.loads(session().answer(sent.encode())) == reply


@pytest.mark.parametrize(("sent", "code", "text"), ERRORS)
def test_errors(sent: str, code: int, text: str) -> None:
    """Code and text; the request's id comes back when it could be read; both spellings carry the same."""
    flat = json.loads(session().answer(sent.encode()))
    assert flat["code"] == code and text in flat["msg"]
    other = session()
    other.nested_errors = True
    nested = json.loads(other.answer(sent.encode()))
    assert nested["error"] == {"code": code, "msg": flat["msg"]} and nested.get("id") == flat.get("id")


def test_invalid_bytes_are_invalid_json() -> None:
    assert json.loads(session().answer(b'\xff\xfe{"id":1}'))["code"] == 3


def test_subscriptions_are_listed_in_order_without_doubles() -> None:
    """What was subscribed is listed, what was unsubscribed is not, and the face hears of each change once."""
    heard: list[str] = []
    one = Session(lambda name: heard.append(f"+{name}"), lambda name: heard.append(f"-{name}"))
    one.answer(b'{"method":"SUBSCRIBE","params":["b@trade","a@depth","b@trade"],"id":1}')
    one.answer(b'{"method":"SUBSCRIBE","params":["a@depth"],"id":2}')
    one.answer(b'{"method":"UNSUBSCRIBE","params":["b@trade","c@trade"],"id":3}')
    assert heard == ["+b@trade", "+a@depth", "-b@trade"]
    assert json.loads(one.answer(b'{"method":"LIST_SUBSCRIPTIONS","id":4}'))["result"] == ["a@depth"]


def test_a_bad_name_among_good_ones_subscribes_nothing() -> None:
    one = session()
    one.answer(b'{"method":"SUBSCRIBE","params":["a@trade","bad"],"id":1}')
    assert not one.streams


def test_the_number_of_streams_is_bounded() -> None:
    """1024 streams are fine; one more changes nothing and ends the connection."""
    one = session()
    one.add([f"s{number}@trade" for number in range(MOST_STREAMS)])
    with pytest.raises(TooManyStreams):
        one.add(["one@trade"])
    assert len(one.streams) == MOST_STREAMS


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("btcusdt@depth", True),
        ("btcusdt@depth20@100ms", True),
        ("btcusdt@depth@1000ms", True),
        ("btcusdt@kline_1m@+08:00", True),
        ("!miniTicker@arr", True),
        ("币安人生usdt@trade", True),
        ("btcusdt@depth7", False),
        ("btcusdt@depth@50ms", False),
        ("", False),
        ("!nonsense", False),
        ("btc usdt@trade", False),
    ],
)
def test_stream_names(name: str, good: bool) -> None:
    assert is_stream_name(name) is good
