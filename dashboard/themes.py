"""The looks: what each role means in colour, and without any."""

from dataclasses import dataclass, field

from rich.style import Style

from dashboard.rows import Role


@dataclass(frozen=True)
class Look:
    """Styles of a theme, made once: parsing styles in a frame would cost more than drawing it."""

    name: str
    background: str
    foreground: str
    styles: dict[Role, Style]
    fills: dict[Role, str]  # background behind the numbers, by side
    dim: Style  # what frozen text looks like
    dim_bar: Style
    dim_fill: str
    mono: bool = False
    _filled: dict[tuple[Role, Role, bool], Style] = field(default_factory=dict)  # bounded by the roles

    def style(self, role: Role, fill: Role | None, dimmed: bool) -> Style:
        """The style of `role`, on the fill of a side or on the plain background."""
        key = (role, fill or Role.NORMAL, dimmed)
        found = self._filled.get(key)
        if found is None:
            found = self._filled[key] = self._made(role, fill, dimmed)
        return found

    def _made(self, role: Role, fill: Role | None, dimmed: bool) -> Style:
        style = self.styles[role]
        if dimmed and role not in _KEEP:
            dim = self.dim_bar if role in (Role.BID_BAR, Role.ASK_BAR) else self.dim
            style = style + dim if self.mono else dim
        behind = (self.dim_fill if dimmed else self.fills.get(fill, "")) if fill is not None else ""
        behind = behind or ("" if style.bgcolor else self.background)  # the terminal's own may be white
        return style + Style(bgcolor=behind) if behind else style


# What must be read even on a frozen picture: the words that say so.
_KEEP = {Role.WARN, Role.BAD, Role.BUSY, Role.KEY}


def _coloured(
    name: str,
    bid: str,
    ask: str,
    fills: tuple[str, str],
    bars: tuple[str, str],
    states: tuple[str, str, str, str],
    crossed: Style,
    venues: tuple[str, ...],
) -> Look:
    good, warn, busy, bad = states
    text, quiet = "#e4e4e4", "#b0b0b0"
    styles = {
        Role.NORMAL: Style(color=text),
        Role.QUIET: Style(color=quiet),
        Role.STRONG: Style(color="#ffffff", bold=True),
        Role.HEAD: Style(color="#9a9a9a", bgcolor="#1c1c1c"),
        Role.BID: Style(color=bid),
        Role.ASK: Style(color=ask),
        Role.BEST_BID: Style(color=bid, bold=True),
        Role.BEST_ASK: Style(color=ask, bold=True),
        Role.RULE: Style(color="#5a5a5a"),
        Role.CROSSED: crossed,
        Role.GOOD: Style(color=good),
        Role.WARN: Style(color=warn),
        Role.BUSY: Style(color=busy),
        Role.BAD: Style(color=bad, bold=True),
        Role.KEY: Style(color="#ffffff", bold=True),
        Role.BID_BAR: Style(color=bars[0]),
        Role.ASK_BAR: Style(color=bars[1]),
    }
    styles |= {Role(f"venue_{index}"): Style(color=colour) for index, colour in enumerate(venues)}
    return Look(
        name=name,
        background="#121212",
        foreground=text,
        styles=styles,
        fills={Role.BID: fills[0], Role.ASK: fills[1]},
        dim=Style(color="#a8a8a8"),
        dim_bar=Style(color="#4a4a4a"),
        dim_fill="#242424",
    )


_VENUES = ("#f0e442", "#cc79a7", "#8ab4f8", "#d0d0d0", "#66c2a5")

DARK = _coloured(
    "dark",
    "#4cc38a",
    "#ff6b70",
    ("#123a2a", "#44191f"),
    ("#2a7a56", "#96444a"),
    ("#4cc38a", "#e5c07b", "#8ab4f8", "#ff6b70"),
    Style(color="#ff8ad8", bold=True),
    _VENUES,
)
# Blue and orange stay apart under protanopia, deuteranopia and tritanopia; green and red do not.
CVD = _coloured(
    "cvd",
    "#56b4e9",
    "#e69f00",
    ("#12354a", "#4a3408"),
    ("#2f6f96", "#8f6400"),
    ("#56b4e9", "#f0e442", "#d0d0d0", "#e69f00"),
    Style(color="#ffffff", bold=True, reverse=True),
    ("#e4e4e4",) * 5,
)
MONO = Look(
    name="mono",
    background="",
    foreground="",
    styles={role: Style() for role in Role}
    | {
        Role.STRONG: Style(bold=True),
        Role.HEAD: Style(underline=True),
        Role.BEST_BID: Style(bold=True),
        Role.BEST_ASK: Style(bold=True),
        Role.CROSSED: Style(bold=True, reverse=True),
        Role.BAD: Style(bold=True),
        Role.WARN: Style(bold=True),
        Role.KEY: Style(bold=True),
    },
    fills={},
    dim=Style(dim=True),
    dim_bar=Style(dim=True),
    dim_fill="",
    mono=True,
)

LOOKS = {look.name: look for look in (DARK, CVD, MONO)}
