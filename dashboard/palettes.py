"""The colours of the themes by what they mean: ours, and those made of a theme of Textual."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from dashboard.settings import BadSetting


@dataclass(frozen=True)
class Palette:
    """The colours of a theme, by what they mean; `[colors]` in the file of settings names them alike."""

    background: str
    text: str
    strong: str
    quiet: str
    head: str
    head_back: str
    rule: str
    bid: str
    ask: str
    bid_fill: str
    ask_fill: str
    bid_flash: str
    ask_flash: str
    bid_bar: str
    ask_bar: str
    good: str
    warn: str
    busy: str
    bad: str
    crossed: str  # empty: reversed text
    venue_0: str
    venue_1: str
    venue_2: str
    venue_3: str
    venue_4: str
    dim: str  # numbers of a frozen picture
    dim_bar: str
    dim_fill: str
    dark: bool = True

    def swapped(self) -> "Palette":
        """Bids and asks in each other's colours."""
        return replace(
            self,
            bid=self.ask,
            ask=self.bid,
            bid_fill=self.ask_fill,
            ask_fill=self.bid_fill,
            bid_flash=self.ask_flash,
            ask_flash=self.bid_flash,
            bid_bar=self.ask_bar,
            ask_bar=self.bid_bar,
        )

    def overridden(self, colors: Mapping[str, str]) -> "Palette":
        """With these colours in place of its own. Raises BadSetting for a role or a colour that there is none of."""
        roles = [entry.name for entry in fields(Palette) if entry.name != "dark"]
        given: dict[str, Any] = {}
        for role, colour in colors.items():
            if role not in roles:
                raise BadSetting(f"colors: there is no role {role!r}; the roles are {', '.join(roles)}")
            try:
                given[role] = Color.parse(colour).hex6
            except ColorParseError as error:
                raise BadSetting(f"colors.{role} = {colour!r} is no colour; write #rrggbb or a name") from error
        return replace(self, **given)


DARK = Palette(
    background="#121212",
    text="#e4e4e4",
    strong="#ffffff",
    quiet="#b0b0b0",
    head="#9a9a9a",
    head_back="#1c1c1c",
    rule="#5a5a5a",
    bid="#4cc38a",
    ask="#ff6b70",
    bid_fill="#123a2a",
    ask_fill="#44191f",
    bid_flash="#1a5a40",
    ask_flash="#6b2831",
    bid_bar="#2a7a56",
    ask_bar="#96444a",
    good="#4cc38a",
    warn="#e5c07b",
    busy="#8ab4f8",
    bad="#ff6b70",
    crossed="#ff8ad8",
    venue_0="#f0e442",
    venue_1="#cc79a7",
    venue_2="#8ab4f8",
    venue_3="#d0d0d0",
    venue_4="#66c2a5",
    dim="#a8a8a8",
    dim_bar="#4a4a4a",
    dim_fill="#242424",
)
# Blue and orange stay apart under protanopia, deuteranopia and tritanopia; green and red do not.
CVD = replace(
    DARK,
    bid="#56b4e9",
    ask="#e69f00",
    bid_fill="#12354a",
    ask_fill="#4a3408",
    bid_flash="#1b5172",
    ask_flash="#6d4d0a",
    bid_bar="#2f6f96",
    ask_bar="#8f6400",
    good="#56b4e9",
    warn="#f0e442",
    busy="#d0d0d0",
    bad="#e69f00",
    crossed="",
    venue_0="#e4e4e4",
    venue_1="#e4e4e4",
    venue_2="#e4e4e4",
    venue_3="#e4e4e4",
    venue_4="#e4e4e4",
)
LIGHT = Palette(
    background="#fafafa",
    text="#1c1c1c",
    strong="#000000",
    quiet="#4a4a4a",
    head="#505050",
    head_back="#ececec",
    rule="#8a8a8a",
    bid="#00633a",
    ask="#ab1d29",
    bid_fill="#cdeedd",
    ask_fill="#fbdcde",
    bid_flash="#a3dfc1",
    ask_flash="#f6bfc3",
    bid_bar="#4caf7d",
    ask_bar="#d9646c",
    good="#00633a",
    warn="#7a5000",
    busy="#1f5fb0",
    bad="#ab1d29",
    crossed="#98006f",
    venue_0="#6b5d00",
    venue_1="#8e2f6c",
    venue_2="#1f5fb0",
    venue_3="#4a4a4a",
    venue_4="#1c6453",
    dim="#565656",
    dim_bar="#b5b5b5",
    dim_fill="#e6e6e6",
    dark=False,
)
CVD_LIGHT = replace(
    LIGHT,
    bid="#00528a",
    ask="#8a4b00",
    bid_fill="#d2e8f8",
    ask_fill="#fbe6c4",
    bid_flash="#a9d3f1",
    ask_flash="#f5cf92",
    bid_bar="#4f94c4",
    ask_bar="#c98a2b",
    good="#00528a",
    warn="#5f5300",
    busy="#4a4a4a",
    bad="#8a4b00",
    crossed="",
    venue_0="#1c1c1c",
    venue_1="#1c1c1c",
    venue_2="#1c1c1c",
    venue_3="#1c1c1c",
    venue_4="#1c1c1c",
)
PALETTES = {"dark": DARK, "light": LIGHT, "cvd": CVD, "cvd-light": CVD_LIGHT}


def palette_of(theme: Theme) -> Palette:
    """The roles in the colours of one of Textual's themes, each made readable on its background."""
    system = theme.to_color_system().generate()
    base = DARK if theme.dark else LIGHT

    def colour(name: str, default: str) -> Color:
        try:
            return Color.parse(system.get(name) or default)
        except ColorParseError:
            return Color.parse(default)

    back = colour("background", base.background)
    text = colour("foreground", base.text)
    bid, ask = colour("success", base.bid), colour("error", base.ask)
    fills = [back.blend(each, 0.22) for each in (bid, ask)]
    flashes = [back.blend(each, 0.38) for each in (bid, ask)]
    bid, ask = (readable(each, fill) for each, fill in zip((bid, ask), fills, strict=True))
    quiet = readable(text.blend(back, 0.3), back)

    def on_back(name: str, default: str) -> str:
        return readable(colour(name, default), back).hex6

    return Palette(
        background=back.hex6,
        text=text.hex6,
        strong=text.hex6,
        quiet=quiet.hex6,
        head=quiet.hex6,
        head_back=back.blend(text, 0.08).hex6,
        rule=back.blend(text, 0.35).hex6,
        bid=bid.hex6,
        ask=ask.hex6,
        bid_fill=fills[0].hex6,
        ask_fill=fills[1].hex6,
        bid_flash=flashes[0].hex6,
        ask_flash=flashes[1].hex6,
        bid_bar=back.blend(bid, 0.6).hex6,
        ask_bar=back.blend(ask, 0.6).hex6,
        good=bid.hex6,
        warn=on_back("warning", base.warn),
        busy=on_back("primary", base.busy),
        bad=ask.hex6,
        crossed=on_back("accent", base.crossed),
        venue_0=on_back("warning", base.venue_0),
        venue_1=on_back("secondary", base.venue_1),
        venue_2=on_back("primary", base.venue_2),
        venue_3=quiet.hex6,
        venue_4=on_back("accent", base.venue_4),
        dim=quiet.hex6,
        dim_bar=back.blend(text, 0.3).hex6,
        dim_fill=back.blend(text, 0.1).hex6,
        dark=theme.dark,
    )


ENOUGH = 4.5  # contrast of text, by the accessibility guidelines of the web


def contrast(one: Color, other: Color) -> float:
    """How far two colours are apart, 1 to 21, by the guidelines of the web (WCAG 2, relative luminance)."""
    first, second = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def _luminance(colour: Color) -> float:
    parts = [
        value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4
        for value in (part / 255 for part in colour.rgb)
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def readable(colour: Color, behind: Color) -> Color:
    """The colour, lighter or darker until it can be read on `behind`."""
    pole = Color(255, 255, 255) if _luminance(behind) < 0.18 else Color(0, 0, 0)
    steps = (colour.blend(pole, step / 20) for step in range(20))
    return next((made for made in steps if contrast(made, behind) >= ENOUGH), pole)
