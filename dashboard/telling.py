"""Tells the user of alerts: a few toasts at most, a bell where it is wanted. The log and the header have them all."""

from collections import deque
from typing import TYPE_CHECKING

from textual.notifications import SeverityLevel

from dashboard.alerts import Alert
from dashboard.numbers import SECOND_NS
from dashboard.rules import Level

if TYPE_CHECKING:
    from dashboard.app import Dashboard

TOASTS = 3  # at once
TOAST_S = 5
SEVERITIES: dict[Level, SeverityLevel] = {
    Level.INFO: "information",
    Level.WARN: "warning",
    Level.ALARM: "error",
}


class Teller:
    """The corner of one application in which alerts are told."""

    def __init__(self, app: "Dashboard") -> None:
        self._app = app
        self._told: deque[int] = deque(maxlen=TOASTS)  # when

    def tell(self, alert: Alert) -> None:
        """A toast, unless as many are to be seen as there may be."""
        crowded = len(self._told) == TOASTS and alert.at_ns - self._told[0] < TOAST_S * SECOND_NS
        if not crowded:
            self._told.append(alert.at_ns)
            severity = SEVERITIES[alert.rule.level]
            self._app.notify(alert.text, title=str(alert.rule), severity=severity, timeout=TOAST_S, markup=False)
        if alert.bell and self._app.desk.settings.bell:
            self._app.bell()
