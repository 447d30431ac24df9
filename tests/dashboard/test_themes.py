"""Colours: readable, apart for the colour-blind, none where none is wanted, and every mistake named."""

import itertools

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from dashboard.palettes import PALETTES, Palette, contrast
from dashboard.rows import Role
from dashboard.settings import BadSetting, Settings
from dashboard.themes import MONO, Look
from dashboard.wardrobe import look_for, theme_names

# Machado, Oliveira and Fernandes 2009, full severity, on linear RGB.
BLINDNESS = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def worn(**settings: object) -> Look:
    return look_for(Settings(**settings), plain=False, few=False)  # type: ignore[arg-type]


def lab(colour: str, kind: str) -> tuple[float, float, float]:
    """CIE L*a*b* (D65) of a colour as people with that kind of sight see it."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in Color.parse(colour).rgb)
    ]
    seen = [min(1, max(0, sum(a * b for a, b in zip(row, linear, strict=True)))) for row in BLINDNESS[kind]]
    matrix = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    xyz = [sum(a * b for a, b in zip(row, seen, strict=True)) for row in matrix]
    x, y, z = (
        value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
        for value in (part / white for part, white in zip(xyz, (0.95047, 1, 1.08883), strict=True))
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one: str, other: str, kind: str) -> float:
    """CIE76."""
    pairs = zip(lab(one, kind), lab(other, kind), strict=True)
    return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)


@pytest.mark.parametrize(("name", "kind"), itertools.product(("cvd", "cvd-light"), BLINDNESS))
def test_bids_and_asks_are_apart_for_everybody(name: str, kind: str) -> None:
    palette = PALETTES[name]
    assert distance(palette.bid, palette.ask, kind) >= 60


def test_green_and_red_are_not() -> None:
    """Why there are two palettes: the same measure tells that the usual one fails."""
    assert distance(PALETTES["dark"].bid, PALETTES["dark"].ask, "deutan") < 30


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_text_can_be_read(name: str) -> None:
    palette = PALETTES[name]
    back = Color.parse(palette.background)
    for role in ("text", "quiet", "bid", "ask", "good", "warn", "busy", "bad", "dim", "venue_0", "venue_1"):
        assert contrast(Color.parse(getattr(palette, role)), back) >= 4.5, role
    for side in ("bid", "ask"):
        for fill in (f"{side}_fill", f"{side}_flash"):
            behind = Color.parse(getattr(palette, fill))
            assert contrast(Color.parse(palette.text), behind) >= 4.5, fill
            assert contrast(Color.parse(getattr(palette, side)), behind) >= (4.5 if fill.endswith("fill") else 3), (
                fill
            )
    assert contrast(Color.parse(palette.dim), Color.parse(palette.dim_fill)) >= 4.5


@pytest.mark.parametrize("name", [name for name, theme in BUILTIN_THEMES.items() if not theme.ansi])
def test_every_theme_of_textual_makes_a_readable_look(name: str) -> None:
    palette = worn(theme=name).palette
    assert palette is not None
    back = Color.parse(palette.background)
    for role in ("quiet", "warn", "busy", "crossed", "venue_0", "venue_4"):
        assert contrast(Color.parse(getattr(palette, role)), back) >= 3, role
    for side in ("bid", "ask"):
        fill = Color.parse(getattr(palette, f"{side}_fill"))
        assert contrast(Color.parse(getattr(palette, side)), fill) >= 3.5
    assert palette.bid != palette.ask


def test_every_name_has_a_look() -> None:
    for name in theme_names():
        look = worn(theme=name)
        for role in Role:
            assert look.style(role, None, False) is not None
            assert look.style(role, Role.BID, True) is not None


def test_swap_exchanges_the_sides_and_nothing_else() -> None:
    one, other = worn(theme="dark").palette, worn(theme="dark", swap=True).palette
    assert one is not None
    assert other is not None
    assert (one.bid, one.ask_fill, one.bid_bar) == (other.ask, other.bid_fill, other.ask_bar)
    assert one.good == other.good
    assert worn(theme="dark", swap=True, color="16").style(Role.BID, None, False).color is not None


def test_single_roles_can_be_overridden() -> None:
    palette = worn(theme="dark", colors={"bid": "#00FF00", "ask": "red"}).palette
    assert isinstance(palette, Palette)
    assert (palette.bid, palette.ask) == ("#00FF00", "#FF0000")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"theme": "dracola"}, "theme = 'dracola' is not known; did you mean dracula?"),
        ({"theme": "?"}, "one of dark, light, cvd, cvd-light, mono, textual-dark"),
        ({"colors": {"bids": "red"}}, "there is no role 'bids'; the roles are background, text"),
        ({"colors": {"bid": "reddish"}}, "colors.bid = 'reddish' is no colour"),
    ],
)
def test_mistakes_are_named(settings: dict[str, object], told: str) -> None:
    with pytest.raises(BadSetting) as caught:
        worn(**settings)
    assert told in str(caught.value)


def test_sixteen_colours_are_those_of_the_terminal() -> None:
    for name, colours in (("dark", {"green", "red"}), ("cvd", {"blue", "yellow"})):
        look = look_for(Settings(theme=name), plain=False, few=True)
        assert look.mono, "fills would be too strong"
        used = {style.color.name for style in look.styles.values() if style.color is not None}
        assert used == colours
        assert not any(style.bgcolor for style in look.styles.values())


def test_no_colour_beats_every_theme() -> None:
    assert look_for(Settings(theme="nord"), plain=True, few=False) is MONO
    assert worn(theme="mono") is MONO
