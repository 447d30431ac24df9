"""Keeps changed settings in the file: together, a moment after the last one, and never in the way of the picture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dashboard.config import ConfigFile
from dashboard.settings import BadSetting

KEEP_S = 0.5  # settings that change together are written together


class Keeper:
    """Settings that the file does not have yet. Without a file that can be written nothing is kept."""

    def __init__(self, config: ConfigFile | None, later: Callable[[float, Callable[[], None]], object]) -> None:
        """`later` calls something after so many seconds."""
        self._config = config
        self._later = later
        self._unkept: dict[str, Any] = {}
        self.complain: Callable[[str], None] = lambda _: None

    @property
    def path(self) -> Path | None:
        """The file; None: nothing is kept."""
        return self._config.path if self._config is not None else None

    @property
    def first(self) -> bool:
        """Nothing was ever kept: this may be the first time that somebody sees the dashboard."""
        return self._config is not None and not self._config.path.exists()

    def keep(self, values: dict[str, Any]) -> None:
        """Writes settings into the file soon."""
        if self._config is None:
            return
        if not self._unkept:
            self._later(KEEP_S, self.write)
        self._unkept |= values

    def write(self) -> None:
        """Writes what has changed. A file that cannot be written is told once, and nothing else comes of it."""
        values, self._unkept = self._unkept, {}
        if self._config is None or not values:
            return
        try:
            self._config.write(values)
        except (OSError, BadSetting) as error:
            self.complain(f"settings are not kept: {error}")
            self._config = None
