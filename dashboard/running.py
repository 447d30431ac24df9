"""Runs the dashboard for client.py: the application, and what it has to bring home."""

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from dashboard.app import Dashboard
from dashboard.config import ConfigFile
from dashboard.options import Glyphs
from dashboard.pauses import seldom_collected
from dashboard.settings import Settings
from dashboard.stream import Target
from dashboard.wardrobe import look_for
from proto import orderbook_pb2 as pb


class Errand(NamedTuple):
    """What a run is for beside being looked at. `exit_after_s` None: it ends when the user says so."""

    screenshot: Path | None = None
    exit_after_s: float | None = None
    headless: bool = False  # there is no terminal: COLUMNS and LINES tell the size


def run(target: Target, request: pb.BookRequest, settings: Settings, config: ConfigFile, errand: Errand) -> int:
    """The process's exit code. Raises BadSetting for a theme or a colour that there is none of."""
    look_for(settings, plain=False, few=False)
    request.levels = settings.depth
    request.min_interval_ms = int(1000 / settings.fps)
    if not speaks_utf8(os.environ):
        settings = replace(settings, glyphs=Glyphs.ASCII)
    app = Dashboard(
        target,
        request,
        settings=settings,
        clock=time.monotonic_ns,
        config=config,
        no_color="NO_COLOR" in os.environ,
        errand=errand.screenshot,
        exit_after_s=errand.exit_after_s,
    )
    seldom_collected()
    width, height = shutil.get_terminal_size()
    app.run(mouse=settings.mouse, headless=errand.headless, size=(width, height) if errand.headless else None)
    return app.return_code or 0


def speaks_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the locale's encoding is UTF-8; one that nobody set is taken to be.

    Python itself turns a bare LANG=C into LC_CTYPE=C.UTF-8, which says nothing about the terminal.
    """
    language = environ.get("LANG", "")
    kind = environ.get("LC_CTYPE", "")
    if kind == "C.UTF-8" and language in ("C", "POSIX"):
        kind = ""
    chosen = environ.get("LC_ALL") or kind or language
    return not chosen or "utf-8" in chosen.lower() or "utf8" in chosen.lower()
