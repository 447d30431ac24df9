"""What stands above and below the figures: the machine, the versions, the table, the JSON."""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from bench.measure import Row

_PACKAGES = (
    "msgspec", "orjson", "sortedcontainers", "order-book", "websocket-client", "grpcio", "protobuf", "uvloop",
)  # fmt: skip


def environment() -> dict[str, str]:
    """What figures depend on besides the code."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2f}, {platform.platform()}",
        "python": f"{platform.python_version()} ({platform.python_compiler()})",
        "packages": ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
    }


def print_environment(facts: dict[str, str]) -> None:
    """One line each."""
    for name, value in facts.items():
        print(f"{name + ':':<10}{value}")
    print(flush=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need; the first row is the heading."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def ratio_table(rows: Sequence[Row]) -> str:
    """The rows of `python -m bench`."""
    cells = [("name", "what", "ours", "rival", "ratio", "bar", "ok", "")]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.3f}" if row.ratio < 0.1 else f"{row.ratio:.2f}"
        cells.append((row.name, row.what, row.ours, row.rival, ratio, row.bar, verdict(row), row.note))
    return table(cells)


def verdict(row: Row) -> str:
    """One word."""
    return "not gated" if row.ok is None else "ok" if row.ok else "MISSED"


def write_json(path: Path, facts: dict[str, str], rows: Sequence[Any]) -> None:
    """The same figures for programs; `rows` are dataclasses."""
    told = {**facts, "command": sys.argv, "rows": [asdict(row) for row in rows]}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
