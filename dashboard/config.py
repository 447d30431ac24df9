"""The file of settings: read with the standard library, written whole and at once, comments kept."""

import os
import tempfile
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

from dashboard.settings import BadSetting, Settings, checked


def default_path() -> Path:
    """$XDG_CONFIG_HOME/onebook/config.toml."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "onebook" / "config.toml"


class ConfigFile:
    """One file of settings, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, *, must_exist: bool = False) -> Settings:
        """The defaults with the file's settings in them. Raises BadSetting."""
        try:
            found = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError) as error:
            if must_exist:
                raise BadSetting(f"{self.path}: there is no such file") from error
            return Settings()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting(f"{self.path}: cannot be read: {error}") from error
        except tomllib.TOMLDecodeError as error:
            raise BadSetting(f"{self.path}: not TOML: {error}") from error
        return checked(found, str(self.path))

    def write(self, changes: Mapping[str, Any]) -> None:
        """Puts `changes` into the file and leaves the rest as it stands. Raises OSError and BadSetting."""
        import tomlkit  # only who changes a setting waits for it
        from tomlkit.exceptions import TOMLKitError

        try:
            before = self.path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            before = ""
        try:
            document = tomlkit.parse(before)
        except TOMLKitError as error:
            raise BadSetting(f"{self.path}: not TOML: {error}") from error
        for name, value in changes.items():
            if isinstance(value, Mapping) and isinstance(document.get(name), Mapping):
                _renew(document[name], value)
            elif isinstance(value, tuple):
                document[name] = list(value)
            else:
                document[name] = dict(value) if isinstance(value, Mapping) else _bare(value)
        self._replace(tomlkit.dumps(document))

    def _replace(self, text: str) -> None:
        """All of the new text or all of the old one, whatever happens in between."""
        path = self.path.resolve()  # a link to a file elsewhere stays one
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=".config-", suffix=".toml", dir=path.parent)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                Path(name).chmod(path.stat().st_mode & 0o777)
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise


def _bare(value: Any) -> Any:
    return value.value if isinstance(value, StrEnum) else value


def _renew(table: Any, value: Mapping[str, Any]) -> None:
    """The entries of `value`, and no others, in a table that keeps its comments."""
    for key in [key for key in table if key not in value]:
        del table[key]
    for key, entry in value.items():
        if table.get(key) != entry:
            table[key] = entry
