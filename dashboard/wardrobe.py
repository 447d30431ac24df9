"""The look that is worn: theme, overrides and colour depth put together, and handed to Textual."""

import difflib
from collections.abc import Sequence

from rich.segment import Segment
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import BUILTIN_THEMES

from dashboard.glyphs import plain
from dashboard.options import Glyphs
from dashboard.palettes import PALETTES, palette_of
from dashboard.settings import THEMES, BadSetting, Settings
from dashboard.themes import MONO, Look, look_of, sixteen

PLAIN_THEME = "ansi-dark"  # of Textual: nothing but the terminal's own colours


class Plain(LineFilter):
    """Takes every colour away and leaves bold, dim, underline and reverse."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same text without a colour."""
        return [
            Segment(text, style.without_color if style is not None else None, control)
            for text, style, control in segments
        ]


def theme_names() -> tuple[str, ...]:
    """All that can be chosen: ours, then Textual's."""
    return (*THEMES, *(name for name in BUILTIN_THEMES if name not in THEMES))


def look_for(settings: Settings, *, plain: bool, few: bool) -> Look:
    """The look of these settings. `plain`: no colour at all; `few`: the terminal has sixteen.

    Raises BadSetting for a theme, a role or a colour that there is none of.
    """
    name = settings.theme
    if name not in theme_names():
        near = difflib.get_close_matches(name, theme_names(), 1)
        way = f"did you mean {near[0]}?" if near else f"one of {', '.join(theme_names())}"
        raise BadSetting(f"theme = {name!r} is not known; {way}")
    if plain or name == "mono":
        return MONO
    if few or (name in BUILTIN_THEMES and BUILTIN_THEMES[name].ansi):
        return sixteen(name.startswith("cvd"), settings.swap)
    palette = PALETTES.get(name) or palette_of(BUILTIN_THEMES[name])
    if settings.swap:
        palette = palette.swapped()
    return look_of(name, palette.overridden(settings.colors))


class Ascii(LineFilter):
    """Draws every sign as its likeness in ASCII, on the panels and on the pages."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same cells."""
        return [Segment(plain(text), style, control) for text, style, control in segments]


class Wardrobe:
    """The look of one application. `plain`: no colour at all, whatever the theme."""

    def __init__(self, plain: bool) -> None:
        self.plain = plain
        self._plain_filter, self._ascii_filter = Plain(), Ascii()  # lines remember what a filter made of them
        self.look: Look = MONO

    def filters(self, usual: Sequence[LineFilter], settings: Settings) -> list[LineFilter]:
        """What every line goes through. Without colour nothing but bold, dim, underline and reverse is left."""
        filters: list[LineFilter] = [self._plain_filter] if self.plain else [*usual]
        return [*filters, self._ascii_filter] if settings.glyphs is Glyphs.ASCII else filters

    def dress(self, app: App[None], settings: Settings) -> None:
        """Chooses the look, and puts it on the application. Raises BadSetting."""
        few = settings.color == "16" or (settings.color == "auto" and app.console.color_system == "standard")
        look = look_for(settings, plain=self.plain, few=few)
        if look == self.look and app.theme in (PLAIN_THEME, f"onebook-{look.name}"):
            return
        self.look = look
        if look.palette is None:
            app.theme = PLAIN_THEME
            return
        theme = look.theme()
        app.register_theme(theme)
        if app.theme == theme.name:  # the same name with other colours
            app.theme = PLAIN_THEME
        app.theme = theme.name
