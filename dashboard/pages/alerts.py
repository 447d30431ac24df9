"""The alert rules: what each is doing; new ones are written as a short text."""

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from dashboard import alerts
from dashboard.pages.base import Page
from dashboard.painting import Painting
from dashboard.rows import Role, Row, Span, fitted
from dashboard.rules import FORMS
from dashboard.settings import BadSetting, checked

if TYPE_CHECKING:
    from dashboard.app import Dashboard

AGAIN_S = 0.25
HEIGHT = 16


class AlertsPage(Page[None]):
    """Changes are kept at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down,ctrl+n", "move(1)", "Down", show=False),
        Binding("k,up,ctrl+p", "move(-1)", "Up", show=False),
        Binding("a", "add", "Add", show=False),
        Binding("enter", "edit", "Edit", show=False),
        Binding("d,delete", "remove", "Delete", show=False),
        Binding("s", "snooze", "Snooze", show=False),
        Binding("x", "acknowledge", "Acknowledge", show=False),
        Binding("exclamation_mark,q", "close", "Close", show=False),
    ]
    DEFAULT_CSS = f"""
    AlertsPage > .box {{ max-width: 100; height: {HEIGHT}; }}
    AlertsPage #rules {{ height: 1fr; }}
    """

    def __init__(self, app: "Dashboard") -> None:
        super().__init__()
        self._host = app
        self._place = 0

    def compose(self) -> ComposeResult:
        """One line a rule."""
        with Vertical(classes="box") as box:
            box.border_title = "Alerts"
            box.border_subtitle = "a add · Enter edit · d delete · s snooze · x acknowledge"
            yield Painting(self._host.wardrobe.look, id="rules")

    def on_mount(self) -> None:
        """Drawn now, and as time goes by."""
        self.call_after_refresh(self.show_rules)
        self.set_interval(AGAIN_S, self.show_rules)

    def on_resize(self, _: events.Resize) -> None:
        """Another width."""
        self.call_after_refresh(self.show_rules)

    def show_rules(self) -> None:
        """What each rule is doing."""
        painting = self.query_one("#rules", Painting)
        width, height = painting.size
        engine = self._host.desk.alerts
        self._place = max(0, min(self._place, len(engine.rules) - 1))
        rows = alerts.rows(engine, width, max(1, height - 1), self._place)
        told = f" {len(engine.pending)} to acknowledge" if engine.pending else " such as: " + ", ".join(FORMS[:4])
        painting.show([*rows, Row(fitted([Span(told, Role.QUIET)], width))][:height])

    @property
    def _texts(self) -> tuple[str, ...]:
        return self._host.desk.settings.alerts

    def _put(self, texts: tuple[str, ...]) -> None:
        self._host.change(alerts=texts)
        self.show_rules()

    def action_move(self, lines: int) -> None:
        """Up or down."""
        self._place += lines
        self.show_rules()

    def action_add(self) -> None:
        """A new rule."""
        self._write("", len(self._texts))

    def action_edit(self) -> None:
        """The rule in other words."""
        if self._texts:
            self._write(self._texts[self._place], self._place)

    def _write(self, text: str, at: int) -> None:
        def check(answer: str) -> None:
            if answer.strip() in self._texts and answer.strip() != text:
                raise BadSetting("this rule is there already")
            checked({"alerts": [answer]}, "rule")

        def take(answer: str) -> None:
            before = self._texts
            self._put((*before[:at], answer.strip(), *before[at + 1 :]))

        self._host.ask("Rule", text, "such as: " + ", ".join(FORMS), check, take)

    def action_remove(self) -> None:
        """The rule goes."""
        before = self._texts
        self._put((*before[: self._place], *before[self._place + 1 :]))

    def action_snooze(self) -> None:
        """Silent for ten minutes."""
        engine = self._host.desk.alerts
        if engine.rules:
            engine.snooze(engine.rules[self._place])
            self.show_rules()

    def action_acknowledge(self) -> None:
        """All of it was seen."""
        self._host.action_act("alerts.acknowledge")
        self.show_rules()
