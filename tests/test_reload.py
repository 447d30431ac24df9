"""What a reload does to sessions and limits, with stand-ins for what it works on."""

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from book import Instrument, Pair, PairBooks
from book.consistency import Policy, Rule
from exchanges import VENUES
from operating import DISABLED, Operating
from pairs import Pairs
from services import GrpcOptions, Market
from settings import Settings, UsageError, address_of, read_settings

BTC, ETH = Pair("BTC", "USDT"), Pair("ETH", "USDT")


def listing(pair: Pair) -> Instrument:
    return Instrument("binance", pair.base + pair.quote, pair, Decimal("0.01"), Decimal("0.01"))


class Session:
    """A venue's session that notes what it is told."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.venue = VENUES[name]
        self.address = address_of(settings, name)
        self.options: dict[str, str] = {}
        self.catalog = [listing(BTC)]
        self.told: list[Any] = []
        self.disabled = ""

    def start(self, books: Any, catalog: None, problem: str) -> None:
        self.told.append(("start", [str(pair) for pair in books]))

    def add(self, *books: PairBooks) -> None:
        self.told.append(("add", [str(each.pair) for each in books]))

    def remove(self, pair: Pair) -> None:
        self.told.append(("remove", str(pair)))

    def disable(self, reason: str) -> bool:
        was, self.disabled = self.disabled, reason
        return not was

    def enable(self) -> bool:
        was, self.disabled = self.disabled, ""
        return bool(was)

    def read_catalog(self, every_s: float) -> None:
        self.told.append(("catalog", every_s))


class Server:
    """A server that takes limits."""

    def __init__(self) -> None:
        self.options = GrpcOptions()

    def retune(self, options: GrpcOptions) -> None:
        self.options = options


class Rig:
    """An Operating over such, whose configuration is an argument list."""

    def __init__(self, *argv: str) -> None:
        self.argv = ["--exchanges", "binance", *argv]
        self.settings = read_settings(self.argv)
        self.sessions: Any = [Session(self.settings, "binance")]
        self.pairs = Pairs(self.sessions, self.settings.max_pairs, 0.0)
        self.pairs.start({BTC: self.pairs.make(BTC)})
        self.server: Any = Server()
        new: Any = Session
        self.changes = 0
        self.operating = Operating(self.settings, lambda: read_settings(self.argv), self.pairs, self.sessions, new)
        self.operating.on_change = self._changed
        self.market = Market(BTC, lambda: self.pairs.books)

    def begin(self, *unknown: str) -> "Rig":
        self.operating.begin(self.market, self.server, unknown)
        return self

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Callable[..., Rig]:
    def rig(*argv: str) -> Rig:
        made = Rig(*argv)
        request.addfinalizer(made.pairs.stop)
        return made

    return rig


def subjects(changes: list[Any]) -> list[str]:
    return [each.subject for each in changes]


def test_catalogs_are_read_again(make: Any) -> None:
    """By every session, and from then on as often as is said; limits go to the server."""
    rig = make().begin()
    rig.argv += ["--catalog-s", "60", "--max-streams-per-client", "7", "--log-level", "debug"]
    level = logging.getLogger().level
    changes = rig.operating.reload()
    logging.getLogger().setLevel(level)
    assert rig.sessions[0].told == [("catalog", 60)]
    assert rig.server.options.max_streams_per_client == 7
    assert subjects(changes.changed) == ["catalog_s", "log_level", "max_streams_per_client"]


def test_a_pair_that_is_listed_later(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    """One of the configuration is carried then; one that Control named and nobody knew is not."""
    caplog.set_level(logging.INFO)
    rig = make().begin("eth/usdt")
    changes = rig.operating.add_pairs(["SOL/USDT"])
    assert subjects(changes.refused) == ["SOL/USDT"]
    rig.sessions[0].catalog += [listing(ETH), listing(Pair("SOL", "USDT"))]
    rig.operating.catalogs_read()
    assert list(rig.pairs.books) == [BTC, ETH]
    assert ETH in rig.market.listings
    assert "ETH/USDT is listed now, and carried" in caplog.text
    assert rig.changes == 1


def test_before_there_is_a_market(make: Any) -> None:
    """A catalog that is read while the server starts is told later."""
    rig = make()
    rig.operating.catalogs_read()
    assert not rig.market.listings
    rig.begin()
    assert list(rig.market.listings) == [BTC]


def test_venues_that_come_and_go(make: Any) -> None:
    """One that was not read is from then on, one that is left out of `exchanges` is switched off."""
    rig = make().begin()
    rig.argv[1] = "kraken"
    changes = rig.operating.reload()
    assert set(subjects(changes.changed)) == {"binance", "kraken"}
    assert [session.venue.name for session in rig.sessions] == ["binance", "kraken"]
    assert rig.sessions[0].disabled == DISABLED
    assert rig.sessions[1].told[0] == ("start", ["BTC/USDT"])
    assert subjects(rig.operating.enable_venues(["Kraken "]).unchanged) == ["kraken"]


def test_what_needs_a_restart(make: Any) -> None:
    """Is named with both values; of addresses only those of the venues that run."""
    rig = make("--port", "1").begin()
    rig.argv[3] = "2"
    rig.argv += ["--endpoint", "binance.ws=ws://127.0.0.1:9", "--endpoint", "kraken.ws=ws://127.0.0.1:9"]
    changes = rig.operating.reload()
    assert [(each.subject, each.what) for each in changes.refused] == [
        ("port", "1 -> 2: only after a restart"),
        ("binance", "its endpoints, hosts or options have changed: only after a restart"),
    ]
    assert changes.changed == []


def test_a_configuration_that_cannot_be(make: Any) -> None:
    """Changes nothing, not even what is right in it."""
    rig = make().begin()
    rig.argv += ["--max-pairs", "3", "--linger-s", "-1"]
    changes = rig.operating.reload()
    assert (changes.changed, subjects(changes.refused), changes.note) == (
        [],
        ["configuration"],
        "nothing has changed",
    )
    assert rig.pairs._most == 500
    assert rig.sessions[0].told == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pairs = [1]", "line 1: pairs [1]: it must be a list of pairs"),
        ('pairs = ["a b c/"]', "line 1: "),
        ("host = 5", "line 1: host 5: it must be a text"),
        ('\n[fees]\n"mtgox" = "1%"', "line 3: --fee mtgox: no such venue"),
        ('\n[fees]\n binance = "0.1"', "line 3: --fee binance: '0.1' is no fee"),
        ('[endpoints]\n"binance.ftp" = "x"', "line 2: --endpoint binance.ftp=x"),
        ('[endpoints.binance]\nws = "http://x"', "line 2: --endpoint binance.ws=http://x"),
        ('[endpoints]\n"mtgox.ws" = "x"', "line 2: 'mtgox.ws' names no venue"),
        ('[hosts]\nbinance = "moon"', "line 2: --hosts binance=moon"),
        ("levels = 3\nfees = 3", "line 2: fees 3: it must be a table"),
        ('[options]\n"bitstamp.books" = "all"', "line 2: --option bitstamp.books=all"),
        ("catalog_s = 3", "line 1: --catalog-s 3: it must be 0, or 10 to 86400"),
        ('suspect_bps = "far"', "line 1: --suspect-bps far: it must be a number from 1"),
        ("suspect_s = nan", "line 1: --suspect-s nan"),
        ("exchanges = []", "line 1: no exchange given"),
        ("dust_amount = -1", "line 1: --dust_amount -1"),
        ('tls_cert = "/no/such"', "line 1: --tls-cert /no/such: no such file"),
        ("control = true\nrouted = false", "line 2: --routed 'off': choose from exclude, show"),
    ],
)
def test_a_file_is_told_with_its_line(tmp_path: Any, text: str, words: str) -> None:
    """The key and the value besides."""
    path = tmp_path / "onebook.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_settings(["--config", str(path)])
    assert f"--config {path}, {words}" in str(error.value)


def test_what_the_command_line_says_has_no_line(tmp_path: Any) -> None:
    """Although the file has such a key too."""
    path = tmp_path / "onebook.toml"
    path.write_text("levels = 3\n")
    with pytest.raises(UsageError, match=r"^--levels 0: "):
        read_settings(["--config", str(path), "--levels", "0"])
    path.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="no TOML"):
        read_settings(["--config", str(path)])


def test_the_rules_of_trust_are_those_that_were_asked_for() -> None:
    """In the units of the book: basis points and nanoseconds."""
    told = read_settings(["--suspect", "exclude", "--suspect-bps", "20", "--suspect-s", "2.5", "--routed", "show"])
    assert told.policy == Policy(Rule(20.0, 2_500_000_000), leave_out_suspects=True, leave_out_routed=False)
    assert read_settings([]).policy == Policy(Rule(50.0, 10_000_000_000), False, True)
