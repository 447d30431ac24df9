"""How client.py and control.py are told to reach a server: the options that both have, and what they may be."""

import argparse
from collections.abc import Callable
from pathlib import Path


def add_encryption(group: argparse._ArgumentGroup) -> None:
    """TLS and mutual TLS: `tls`, `ca`, `cert` and `key`, the files as bytes."""
    group.add_argument("--tls", action="store_true", help="encrypt, trusting the system's authorities")
    group.add_argument("--ca", type=_file, metavar="FILE", help="encrypt, trusting this authority (PEM)")
    group.add_argument("--cert", type=_file, metavar="FILE", help="our certificate for mutual TLS (PEM)")
    group.add_argument("--key", type=_file, metavar="FILE", help="its private key (PEM)")


def check_encryption(parser: argparse.ArgumentParser, told: argparse.Namespace) -> None:
    """Ends the program with status 2 when half of a pair is missing."""
    if bool(told.cert) != bool(told.key):
        parser.error("--cert and --key belong together")


def port(text: str) -> int:
    """Of TCP."""
    return whole(text, 1, 65_535)


def whole(text: str, low: int, high: int) -> int:
    """A number from `low` to `high`; raises ArgumentTypeError."""
    value = int(text) if text.isascii() and text.isdigit() else low - 1
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
    return value


def names(example: str) -> Callable[[str], tuple[str, ...]]:
    """Names apart by commas, at least one; else the error gives the example."""

    def read(text: str) -> tuple[str, ...]:
        found = tuple(name.strip() for name in text.split(",") if name.strip())
        if not found:
            raise argparse.ArgumentTypeError(f"nothing is named; write {example}")
        return found

    return read


def _file(text: str) -> bytes:
    try:
        return Path(text).read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot read {text}: {error.strerror}") from error
