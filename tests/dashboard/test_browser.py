"""The dashboard in a real browser, against our own venue: `client.py --web`, used as a person would."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from img.browser import ABSENT, CHROMIUM, Browser, Page, browsing
from tests.processes import Process, running, server, venue
from tests.waiting import until

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=ABSENT)

END_S = 30.0


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server with two pairs of our venue."""
    pairs = ("--pair", "BTC/USDT", "--pair", "ETH/USDT")
    with venue("--seed", "browser") as arguments, server(*arguments, *pairs) as (_, number):
        yield number


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests."""
    with browsing() as opened:
        yield opened


@pytest.fixture
def web(port: int, tmp_path: Path) -> Iterator[Process]:
    """client.py --web with a configuration of its own."""
    config = tmp_path / "config.toml"
    config.write_text('theme = "dark"\n')
    with running("client.py", "--web", "0", "--port", str(port), "--config", str(config)) as process:
        yield process


@pytest.fixture
def page(web: Process, browser: Browser) -> Iterator[Page]:
    """A tab that shows a live book."""
    opened = browser.open(address(web))
    opened.until_shows("LIVE")
    yield opened
    opened.close()


def address(web: Process) -> str:
    """Where the page is."""
    line = web.wait_line(web.err, lambda line: line.startswith("dashboard on "), "the page")
    return line.split()[2].rstrip(",")


def children(process: Process) -> set[int]:
    """The programs of its tabs, by number."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it has just ended
        if int(parent) == process.popen.pid and state != "Z":
            found.add(int(stat.parent.name))
    return found


def alive(program: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def mid(page: Page) -> str:
    """The mid price in the header."""
    words = page.text().splitlines()[0].split()
    return words[words.index("mid") + 1]


def middle(page: Page) -> int:
    """The row between asks and bids."""
    lines = page.text().splitlines()
    return next(
        row
        for row, line in enumerate(lines)
        if row > 1 and any(word in line for word in (" mid ", "CROSSED", "LOCKED"))
    )


def test_prices_move(page: Page) -> None:
    first = mid(page)
    page.until(lambda: mid(page) != first, "another price")


def test_all_comes_from_us(page: Page, web: Process, browser: Browser) -> None:
    """Fonts, script and styles too: a page that needs the internet is none on a machine without it."""
    ours = address(web).removeprefix("http://")
    asked = [url for url in browser.asked if ours in url]
    assert any("font" in url.lower() for url in asked)
    assert any(url.startswith(f"ws://{ours}/ws?") for url in asked)
    near = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "about:")
    assert [url for url in browser.asked if not url.startswith(near)] == []
    assert page.value("document.fonts.check('16px \"Roboto Mono\"')")


def test_keys(page: Page) -> None:
    """No click is needed first, and no key goes to the browser's own search or scrolling."""
    page.key("?")
    page.until_shows("freeze the picture")
    page.key("Escape")
    page.until(lambda: "freeze the picture" not in page.text(), "the book again")
    page.key(" ")
    page.until_shows("PAUSED")
    page.key("ArrowDown")
    page.until_shows("avg")
    page.key("Escape")
    page.until(lambda: "avg" not in page.text(), "no readout")
    rows = page.text().splitlines()[middle(page) + 1 :]
    page.key("+")
    page.until(lambda: page.text().splitlines()[middle(page) + 1 :] != rows, "a coarser step")
    page.key(" ")
    page.until_shows("LIVE")
    page.key("/")
    page.until_shows("ETH/USDT")
    page.key("e")
    page.key("Enter")
    page.until(lambda: page.text().lstrip().startswith("ETH/USDT"), "the other pair")


def test_the_key_q_ends_the_program_and_the_page_says_so(page: Page, web: Process) -> None:
    assert len(children(web)) == 1
    page.key("q")
    page.until(lambda: "You closed the dashboard." in page.words(), "the card")
    until(lambda: not children(web), "the program's end", END_S)
    page.key("Enter")  # the card's button has the focus
    until(lambda: children(web), "another program", END_S)
    page.until(lambda: not page.words() and "LIVE" in page.text(), "the book again")


def test_another_size(page: Page) -> None:
    assert page.cells()[0] < 120
    page.resize(1600, 900)
    page.until(lambda: page.cells()[0] >= 140, "more columns")
    page.until_shows("Trades")
    page.resize(500, 300)
    page.until(lambda: page.cells()[0] < 60, "fewer columns")
    page.until(lambda: "NOTIONAL" not in page.text(), "a small layout")


def test_colours(page: Page) -> None:
    """Asks above on red, bids below on green: the theme's own colours, not the nearest of 256."""
    row = middle(page)
    page.until(lambda: page.colors(1, row - 3)[1] == 0x44191F, "the red of asks")
    page.until(lambda: page.colors(1, row + 3)[1] == 0x123A2A, "the green of bids")


def test_the_mouse(page: Page) -> None:
    """A click on a level selects it."""
    page.click(12, middle(page) + 2)
    page.until_shows("avg")


def test_a_reload_is_a_new_program(page: Page, web: Process) -> None:
    first = children(web)
    page.reload()
    until(lambda: len(children(web)) == 1 and children(web) != first, "another program", END_S)
    page.until_shows("LIVE")
    page.key("?")
    page.until_shows("freeze the picture")


def test_each_tab_has_a_program_that_ends_with_it(page: Page, web: Process, browser: Browser) -> None:
    second = browser.open(address(web))
    second.until_shows("LIVE")
    assert len(children(web)) == 2
    second.key(" ")
    second.until_shows("PAUSED")
    assert "PAUSED" not in page.text()
    second.close()
    until(lambda: len(children(web)) == 1, "the second program's end", END_S)
    first = mid(page)
    page.until(lambda: mid(page) != first, "another price in the first tab")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all(page: Page, web: Process, number: signal.Signals) -> None:
    programs = children(web)
    web.popen.send_signal(number)
    assert web.wait() == 0
    assert not any(alive(program) for program in programs)
    page.until(lambda: "was stopped" in page.words(), "the reason")
    assert not [line for line in web.err if "Traceback" in line]


def test_programs_do_not_outlive_a_server_that_was_killed(page: Page, web: Process) -> None:
    programs = children(web)
    web.popen.kill()
    web.wait()
    until(lambda: not any(alive(program) for program in programs), "the programs' end", END_S)
    page.until(lambda: "Does client.py --web still run?" in page.words(), "the reason")
