"""The program's side of a browser tab: Textual's driver for pages, which ends with the server that started it."""

import os

from textual.drivers.web_driver import WebDriver

DRIVER = "dashboard.tab:TabDriver"  # as the environment of a tab's program names it


class TabDriver(WebDriver):
    """Draws into the pipe to `client.py --web`, and reads keys out of the other one."""

    def run_input_thread(self) -> None:
        """Reads until the application ends. Where the pipe ends first, nobody is there any more: so end we.

        Not by an orderly exit: that would write into a pipe without a reader.
        """
        super().run_input_thread()
        if not self.exit_event.is_set():
            os._exit(1)
