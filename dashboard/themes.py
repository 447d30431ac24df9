"""The looks: what each role means in colour, and without any."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from rich.style import Style
from textual.theme import Theme

from dashboard.palettes import Palette
from dashboard.rows import Role


@dataclass(frozen=True)
class Look:
    """Styles of a theme, made once: parsing styles in a frame would cost more than drawing it."""

    name: str
    background: str
    styles: dict[Role, Style]
    fills: dict[Role, Style]  # behind the numbers
    dim: Style  # what frozen text looks like
    dim_bar: Style
    dim_fill: str
    mono: bool = False  # fills are not to be seen: bars are glyphs
    palette: Palette | None = None
    _filled: dict[tuple[Role, Role, bool], Style] = field(default_factory=dict, compare=False)  # bounded by the roles

    def style(self, role: Role, fill: Role | None, dimmed: bool) -> Style:
        """The style of `role`, on the fill of a side or on the plain background."""
        key = (role, fill or Role.NORMAL, dimmed)
        found = self._filled.get(key)
        if found is None:
            found = self._filled[key] = self._made(role, fill, dimmed)
        return found

    def theme(self) -> Theme:
        """What pages over the picture wear; the roles are its variables."""
        assert self.palette is not None
        palette = self.palette
        return Theme(
            name=f"onebook-{self.name}",
            primary=palette.busy,
            secondary=palette.quiet,
            warning=palette.warn,
            error=palette.bad,
            success=palette.good,
            accent=palette.busy,
            foreground=palette.text,
            background=palette.background,
            surface=palette.background,
            panel=palette.head_back,
            dark=palette.dark,
            variables={
                f"book-{entry.name.replace('_', '-')}": getattr(palette, entry.name)
                for entry in fields(Palette)
                if entry.name not in ("dark", "crossed")
            },
        )

    def _made(self, role: Role, fill: Role | None, dimmed: bool) -> Style:
        style = self.styles[role]
        if dimmed and role not in _KEEP:
            dim = self.dim_bar if role in (Role.BID_BAR, Role.ASK_BAR) else self.dim
            style = style + dim if self.mono else dim
        behind = self.fills.get(fill) if fill is not None else None
        if behind is not None and dimmed and fill is not Role.CURSOR:
            behind = Style(bgcolor=self.dim_fill) if self.dim_fill else None
        if behind is None and not style.bgcolor and self.background:
            behind = Style(bgcolor=self.background)  # the terminal's own may be another
        return style + behind if behind is not None else style


# What must be read even on a frozen picture: the words that say so.
_KEEP = {Role.WARN, Role.BAD, Role.BUSY, Role.KEY}


def look_of(name: str, palette: Palette) -> Look:
    """The styles of a palette."""
    styles = {
        Role.NORMAL: Style(color=palette.text),
        Role.QUIET: Style(color=palette.quiet),
        Role.STRONG: Style(color=palette.strong, bold=True),
        Role.HEAD: Style(color=palette.head, bgcolor=palette.head_back),
        Role.BID: Style(color=palette.bid),
        Role.ASK: Style(color=palette.ask),
        Role.BEST_BID: Style(color=palette.bid, bold=True),
        Role.BEST_ASK: Style(color=palette.ask, bold=True),
        Role.RULE: Style(color=palette.rule),
        Role.CROSSED: Style(color=palette.crossed or palette.strong, bold=True, reverse=not palette.crossed or None),
        Role.GOOD: Style(color=palette.good),
        Role.WARN: Style(color=palette.warn),
        Role.BUSY: Style(color=palette.busy),
        Role.BAD: Style(color=palette.bad, bold=True),
        Role.KEY: Style(color=palette.strong, bold=True),
        Role.BID_BAR: Style(color=palette.bid_bar),
        Role.ASK_BAR: Style(color=palette.ask_bar),
    }
    styles |= {Role(f"venue_{index}"): Style(color=getattr(palette, f"venue_{index}")) for index in range(5)}
    return Look(
        name=name,
        background=palette.background,
        styles=_for_all(styles, Style(color=palette.text), Style(color=palette.quiet)),
        fills={
            Role.BID: Style(bgcolor=palette.bid_fill),
            Role.ASK: Style(bgcolor=palette.ask_fill),
            Role.BID_FLASH: Style(bgcolor=palette.bid_flash),
            Role.ASK_FLASH: Style(bgcolor=palette.ask_flash),
            **CURSOR,
        },
        dim=Style(color=palette.dim),
        dim_bar=Style(color=palette.dim_bar),
        dim_fill=palette.dim_fill,
        palette=palette,
    )


CURSOR = {Role.CURSOR: Style(reverse=True)}


def _for_all(styles: dict[Role, Style], text: Style, quiet: Style) -> dict[Role, Style]:
    """Roles that are told by weight rather than by colour."""
    bold = text + Style(bold=True)
    return {role: Style() for role in Role} | {Role.FLASH: bold, Role.LARGE: bold, Role.AXIS: quiet} | styles


_WEIGHTS = {
    Role.STRONG: Style(bold=True),
    Role.HEAD: Style(underline=True),
    Role.BEST_BID: Style(bold=True),
    Role.BEST_ASK: Style(bold=True),
    Role.CROSSED: Style(bold=True, reverse=True),
    Role.BAD: Style(bold=True),
    Role.WARN: Style(bold=True),
    Role.KEY: Style(bold=True),
}


def _without_fills(name: str, styles: Mapping[Role, Style]) -> Look:
    return Look(
        name=name,
        background="",
        styles=_for_all({**_WEIGHTS, **styles}, Style(), Style()),
        fills=CURSOR,
        dim=Style(dim=True),
        dim_bar=Style(dim=True),
        dim_fill="",
        mono=True,
    )


MONO = _without_fills("mono", {})


def sixteen(cvd: bool, swap: bool) -> Look:
    """The look of a terminal with the sixteen colours of its own: that of no colour, and two of them."""
    bid, ask = ("blue", "yellow") if cvd else ("green", "red")
    if swap:
        bid, ask = ask, bid
    good, bad = ("blue", "yellow") if cvd else ("green", "red")
    return _without_fills(
        "cvd-16" if cvd else "16",
        {
            Role.BID: Style(color=bid),
            Role.ASK: Style(color=ask),
            Role.BEST_BID: Style(color=bid, bold=True),
            Role.BEST_ASK: Style(color=ask, bold=True),
            Role.BID_BAR: Style(color=bid),
            Role.ASK_BAR: Style(color=ask),
            Role.GOOD: Style(color=good),
            Role.BAD: Style(color=bad, bold=True),
        },
    )
