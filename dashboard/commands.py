"""What the keys do that belong to no panel: one method an action, `do_` and its id with underscores.

Pages are imported by who opens them: the first picture does not wait for them.
"""

from typing import TYPE_CHECKING

from dashboard.finding import Choice, everything_found, pairs_found
from dashboard.keys import ACTIONS, Action
from dashboard.layout import SCREENS
from dashboard.settings import following, server_of

if TYPE_CHECKING:
    from dashboard.app import Dashboard

QUIT_AGAIN_NS = 2_000_000_000  # a second Ctrl+C within this time leaves


class Commands:
    """The actions of one application."""

    def __init__(self, app: "Dashboard") -> None:
        self.app = app

    def knows(self, action: str) -> bool:
        """Whether there is one of that id."""
        return hasattr(self, _method(action))

    def do(self, action: str) -> None:
        """Does it, if there is one of that id."""
        if self.knows(action):
            getattr(self, _method(action))()

    # The book.

    def do_pause(self) -> None:
        """Freezes what is drawn, not what is received."""
        self.app.desk.feed.toggle_pause()

    def do_step_back(self) -> None:
        """One kept update back."""
        if not self.app.desk.feed.step(-1):
            self.app.say("this is the oldest update that is kept")

    def do_step_forward(self) -> None:
        """One kept update forward."""
        if self.app.desk.feed.paused and not self.app.desk.feed.step(1):
            self.app.say(f"this is the newest; {self.app.desk.keys.sign('pause')} goes on")

    def do_reconnect(self) -> None:
        """Connects now."""
        self.app.stream.retry_now()

    def do_symbol_next(self) -> None:
        """The next pair of this server."""
        self._beside(1)

    def do_symbol_previous(self) -> None:
        """The previous one."""
        self._beside(-1)

    def _beside(self, step: int) -> None:
        pair = self.app.desk.catalog.beside(self.app.desk.feed.view().pair, step)
        if pair is None:
            self.app.say("this server has no other pair")
        else:
            self.app.open_pair(pair)

    def do_symbol(self) -> None:
        """Another pair, by a few letters; those that were open of late come first."""
        from dashboard.pages.chooser import Chooser

        app = self.app
        app.desk.branches.pairs.again()

        def search(text: str) -> list[Choice]:
            return pairs_found(app.desk.catalog, app.recent, text)

        def take(pair: str | None) -> None:
            if pair is not None:
                app.open_pair(pair)

        app.push_screen(Chooser("Symbol", search, app.wardrobe.look), take)

    def do_address(self) -> None:
        """Another server."""
        app = self.app
        app.ask("Server", app.target.address, "HOST:PORT", server_of, app.connect_to)

    def do_net(self) -> None:
        """Prices with the venues' taker fees in them, and without."""
        app = self.app
        app.request.net_of_fees = not app.request.net_of_fees
        app.say("net of taker fees" if app.request.net_of_fees else "prices without fees")
        app.stream.ask(app.request)

    def do_venues_pick(self) -> None:
        """Who is counted."""
        from dashboard.pages.venues import VenuesPage

        self.app.push_screen(VenuesPage(self.app))

    def do_alerts(self) -> None:
        """The alert rules."""
        from dashboard.pages.alerts import AlertsPage

        self.app.push_screen(AlertsPage(self.app))

    def do_alerts_acknowledge(self) -> None:
        """All alerts were seen."""
        count = self.app.desk.alerts.acknowledge()
        self.app.say(f"{count} acknowledged" if count else "no alert waits")

    # Screens.

    def do_screen_1(self) -> None:
        """The book."""
        self.app.show_screen(SCREENS[0])

    def do_screen_2(self) -> None:
        """The depth."""
        self.app.show_screen(SCREENS[1])

    def do_screen_3(self) -> None:
        """The trades."""
        self.app.show_screen(SCREENS[2])

    def do_screen_4(self) -> None:
        """The venues."""
        self.app.show_screen(SCREENS[3])

    def do_screen_5(self) -> None:
        """Health."""
        self.app.show_screen(SCREENS[4])

    def do_screen_6(self) -> None:
        """The symbols."""
        self.app.show_screen(SCREENS[5])

    def do_log(self) -> None:
        """The event log, and back."""
        self.app.show_screen("book" if self.app.screen_name == "log" else "log")

    def do_focus_next(self) -> None:
        """The next panel gets the keys."""
        self.app.turn_focus(1)

    def do_focus_previous(self) -> None:
        """The previous panel gets the keys."""
        self.app.turn_focus(-1)

    def do_maximise(self) -> None:
        """The focused panel alone, and back."""
        self.app.maximise(None if self.app.alone else self.app.focused_panel)

    def do_close(self) -> None:
        """Back: from a panel alone to all of them, from a screen to the book."""
        if self.app.alone:
            self.app.maximise(None)
        elif self.app.screen_name != "book":
            self.app.show_screen("book")

    # The program.

    def do_help(self) -> None:
        """The help page."""
        from dashboard.pages.help import HelpPage

        self.app.push_screen(HelpPage(self.app.scene()))

    def do_palette(self) -> None:
        """Every action, pair and theme by its name."""
        from dashboard.pages.chooser import Chooser

        app = self.app

        def take(value: str | None) -> None:
            if value is None:
                return
            kind, _, name = value.partition(" ")
            if kind == "action":
                app.action_act(name)
            elif kind == "pair":
                app.open_pair(name)
            else:
                app.change(theme=name)

        def search(text: str) -> list[Choice]:
            return everything_found(app.desk.keys, app.desk.catalog, self.offered(), text)

        app.push_screen(Chooser("Command", search, app.wardrobe.look), take)

    def offered(self) -> list[Action]:
        """The actions that do something now."""
        panel = self.app.panels[self.app.focused_panel]
        return [action for action in ACTIONS if self.knows(action.id) or panel.takes(action.id)]

    def do_settings(self) -> None:
        """What is kept from run to run."""
        from dashboard.pages.setting import SettingsPage

        self.app.push_screen(SettingsPage(self.app))

    def do_screenshot(self) -> None:
        """A picture of this moment."""
        self.app.album.take()

    def do_theme(self) -> None:
        """The next of our themes."""
        name = following("theme", self.app.desk.settings.theme, 1)
        self.app.change(theme=name)
        self.app.say(f"theme {name}")

    def do_suspend(self) -> None:
        """To the shell."""
        self.app.action_suspend_process()

    def do_quit(self) -> None:
        """Leaves."""
        self.app.album.leave()


def _method(action: str) -> str:
    return f"do_{action.replace('.', '_')}"
