"""Settings: what is allowed, what is told of the rest, and the file that keeps them."""

import stat
import tomllib
from pathlib import Path

import pytest

from dashboard.config import ConfigFile, default_path
from dashboard.keeping import Keeper
from dashboard.options import Options, Orientation
from dashboard.settings import SETTINGS, BadSetting, Settings, checked, following, read, server_of, written


def test_defaults_are_allowed() -> None:
    for setting in SETTINGS:
        value = getattr(Settings(), setting.name)
        assert checked({setting.name: value}, "test") == Settings()
        assert read(setting.name, written(value)) == value or isinstance(value, bool)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("fps", 0, "f.toml: fps = 0.0 is not a number from 1 to 60"),
        ("fps", "fast", "fps = 'fast' is not a number from 1 to 60"),
        ("fps", True, "fps = True is not a number"),
        ("depth", 5001, "depth = 5001 is not a whole number from 1 to 5000"),
        ("depth", 2.5, "not a whole number"),
        ("glyphs", "emoji", "glyphs = 'emoji' is not one of block, braille, ascii"),
        ("color", "lots", "not one of auto, truecolor, 256, 16, none"),
        ("mouse", "yes", "mouse = 'yes' is not true or false"),
        ("symbol", 3, "symbol = 3 is not a text in quotes"),
        ("server", "nowhere", "server = 'nowhere' is not HOST:PORT"),
        ("server", "host:70000", "is not HOST:PORT with a port from 1 to 65535"),
        ("large", "much", "large: 'much' is no decimal number"),
        ("group", {"BTC/USDT": 3}, "group.BTC/USDT = 3 is not 1, 2, 5, 10, 20, 50"),
        ("group", 5, "group is a table; write it under [group]"),
        ("keys", {"pause": "q"}, "'q' is both 'pause' and 'quit'"),
        ("keys", {"pause": 3}, "keys.pause = 3 is not a text in quotes"),
        ("alerts", "feed stale", "alerts is a list of texts"),
        ("alerts", ["spread >= 5"], "'spread >= 5': '5' lacks its unit, bp"),
        ("colour", "red", "there is no setting 'colour'"),
    ],
)
def test_what_is_not_allowed_is_named_with_the_range(name: str, value: object, told: str) -> None:
    with pytest.raises(BadSetting) as caught:
        checked({name: value}, "f.toml")
    assert told in str(caught.value)
    assert str(caught.value).startswith("f.toml")


def test_settings_give_the_options_of_a_pair() -> None:
    found = checked({"group": {"BTC/USDT": 10}, "sides": "beside", "depth": 25}, "test")
    options = found.options("BTC/USDT", frozenset({"okx"}), "")
    assert options == Options(group=3, sides=Orientation.BESIDE, depth=25, muted=frozenset({"okx"}))
    assert found.options("ETH/BTC").group == 0


def test_keys_go_through_what_is_offered() -> None:
    assert following("theme", "dark", 1) == "light"
    assert following("theme", "dark", -1) == "mono"
    assert following("theme", "nord", 1) == "dark", "from a value that is not offered to the first"
    assert following("fps", 60.0, 1) == 5.0


def test_servers() -> None:
    assert server_of("book.example.org:50052") == ("book.example.org", 50052)
    assert server_of("[::1]:1") == ("::1", 1)


def test_a_file_that_is_not_there_gives_the_defaults(tmp_path: Path) -> None:
    file = ConfigFile(tmp_path / "none.toml")
    assert file.read() == Settings()
    with pytest.raises(BadSetting, match="there is no such file"):
        file.read(must_exist=True)


@pytest.mark.parametrize("text", ["theme = ", 'theme = "dark', "\xff"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadSetting, match=r"c\.toml"):
        ConfigFile(path).read()


def test_comments_and_order_survive(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.toml"
    file = ConfigFile(path)
    file.write({"theme": "light"})
    path.write_text('# mine\ntheme = "light"  # bright room\n\n[keys]\npause = "p"  # one hand\n', encoding="utf-8")
    file.write({"theme": "cvd", "group": {"BTC/USDT": 10}, "sides": Orientation.BESIDE, "swap": True, "fps": 5.0})
    text = path.read_text(encoding="utf-8")
    assert "# mine" in text
    assert 'theme = "cvd"  # bright room' in text
    assert 'pause = "p"  # one hand' in text
    found = file.read(must_exist=True)
    assert (found.theme, found.group, found.sides, found.swap, found.fps) == (
        "cvd",
        {"BTC/USDT": 10},
        Orientation.BESIDE,
        True,
        5.0,
    )
    file.write({"group": {"ETH/BTC": 2}})
    assert file.read().group == {"ETH/BTC": 2}
    assert file.read().keys == {"pause": "p"}, "a table that was not changed stays"


def test_alert_rules_are_texts(tmp_path: Path) -> None:
    file = ConfigFile(tmp_path / "c.toml")
    file.write({"alerts": ("spread >= 5bp warn", "feed stale")})
    assert file.read().alerts == ("spread >= 5bp warn", "feed stale")
    assert tomllib.loads(file.path.read_text(encoding="utf-8"))["alerts"][1] == "feed stale"


def test_the_file_is_never_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails on the way, the old text stands and nothing else is left behind."""
    path = tmp_path / "c.toml"
    path.write_text('theme = "light"\n', encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        ConfigFile(path).write({"theme": "cvd"})
    assert path.read_text(encoding="utf-8") == 'theme = "light"\n'
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_and_the_mode_are_kept(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text("", encoding="utf-8")
    real.chmod(0o640)
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    ConfigFile(link).write({"swap": True})
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == "swap = true\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_file_that_somebody_broke_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("theme = ", encoding="utf-8")
    with pytest.raises(BadSetting, match="not TOML"):
        ConfigFile(path).write({"swap": True})
    assert path.read_text(encoding="utf-8") == "theme = "


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_path() == tmp_path / "onebook" / "config.toml"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".config" / "onebook" / "config.toml"


def test_changes_are_written_together_and_a_read_only_home_is_told_once(tmp_path: Path) -> None:
    due: list[object] = []
    file = ConfigFile(tmp_path / "c.toml")
    keeper = Keeper(file, lambda _, call: due.append(call))
    said: list[str] = []
    keeper.complain = said.append
    assert keeper.first
    keeper.keep({"theme": "cvd"})
    keeper.keep({"swap": True})
    assert len(due) == 1, "one write for both"
    keeper.write()
    assert not keeper.first
    assert (file.read().theme, file.read().swap) == ("cvd", True)
    keeper.write()  # nothing is left to write
    blocked = Keeper(ConfigFile(tmp_path / "c.toml" / "no" / "c.toml"), lambda _, call: due.append(call))
    blocked.complain = said.append
    for _ in range(2):
        blocked.keep({"swap": False})
        blocked.write()
    assert len(said) == 1
    assert "settings are not kept" in said[0]
    assert blocked.path is None
