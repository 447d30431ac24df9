"""Every command of the README, run as it stands there, against our own venue instead of the real ones."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import DEADLINE_S, ROOT, listening_port, running, server, venue

BY_CI = {"make install", ". .venv/bin/activate", "make run", "make test"}  # the last one calls us


def commands_of(page: str) -> list[str]:
    """What a page says for a shell, line by line."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


COMMANDS = commands_of("README.md")


@pytest.fixture(scope="module")
def endpoints() -> Iterator[list[str]]:
    """The venue that stands for the real ones."""
    with venue("--seed", "readme") as arguments:
        yield arguments


@pytest.fixture(scope="module")
def port(endpoints: list[str]) -> Iterator[int]:
    """The server that the clients talk to."""
    with server(*endpoints, "--pair", "BTC/USDT", "--pair", "ETH/BTC") as (_, number):
        yield number


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("python3 server.py")])
def test_server_commands(command: str, endpoints: list[str]) -> None:
    arguments = command.split()[1:]
    if "--help" in arguments:
        return _ends_well(command.split())
    with running(*arguments, "--port", "0", *endpoints) as process:
        assert listening_port(process) > 0
        assert process.end() == 0
    return None


def test_the_page_is_served(port: int, tmp_path: Path) -> None:
    assert "python3 client.py --web" in COMMANDS
    config = tmp_path / "config.toml"
    config.touch()
    with running("client.py", "--web", "0", "--port", str(port), "--config", str(config)) as process:
        process.wait_line(process.err, lambda line: line.startswith("dashboard on http://127.0.0.1:"), "the page")
        assert process.end() == 0


PRINTING = [each for each in COMMANDS if each.startswith("python3 client.py") and "--web" not in each]


@pytest.mark.parametrize("command", PRINTING)
def test_client_commands(command: str, port: int) -> None:
    words = [*command.split(), "--port", str(port)]
    if "--count" not in words:
        words += ["--count", "1"]
    _ends_well(words)


@pytest.mark.parametrize("page", ["README.md", "docs/operating.md"])
def test_control_commands(page: str, endpoints: list[str]) -> None:
    """In their order, on a server of their own."""
    commands = [each for each in commands_of(page) if each.startswith("python3 control.py")]
    assert commands
    with server(*endpoints) as (_, number):
        for command in commands:
            _ends_well([*command.split(), "--port", str(number)])


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("python3 -m venue")])
def test_venue_commands(command: str) -> None:
    arguments = command.split()[1:]
    if "--help" in arguments:
        return _ends_well(command.split())
    with running(*arguments, "--free-ports") as process:
        process.wait_line(process.err, lambda line: line.startswith("bitstamp listening"), "the venue")
        assert process.end() == 0
    return None


def test_the_python_example_tells_when_venues_cross(port: int) -> None:
    assert "python3 -m examples.watch" in COMMANDS
    with running("-m", "examples.watch", f"127.0.0.1:{port}", "BTC/USDT") as process:
        process.wait_line(process.out, lambda line: "CROSSED" in line, "a cross")


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_the_shell_example_prints_spreads(port: int) -> None:
    assert "sh examples/spread.sh" in COMMANDS
    _ends_well(["sh", "examples/spread.sh", "--port", str(port), "--count", "20"])


@pytest.mark.skipif(shutil.which("grpcurl") is None, reason="grpcurl is not installed")
def test_the_reflection_example_shows_the_stream(port: int) -> None:
    assert "sh examples/grpcurl.sh" in COMMANDS
    words = ["sh", "examples/grpcurl.sh", f"127.0.0.1:{port}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    assert "orderbook.MarketData" in done.stdout
    assert '"price_decimals"' in done.stdout


def test_no_command_is_left_out() -> None:
    known = (
        "python3 server.py",
        "python3 client.py",
        "python3 control.py",
        "python3 -m venue",
        "python3 -m examples.",
        "sh examples/",
    )
    assert [each for each in COMMANDS if each not in BY_CI and not each.startswith(known)] == []
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(command in ci for command in BY_CI)


def test_what_the_documents_link_to_is_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def _ends_well(words: list[str]) -> None:
    """The command ends with 0, says something, and says nothing on standard error."""
    if words[0] == "python3":
        words = [sys.executable, *words[1:]]
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, env={"PATH": path})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert not done.stderr.strip()
