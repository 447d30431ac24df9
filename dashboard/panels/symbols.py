"""The symbols: one line for each pair of the server."""

from dashboard import options, symbols
from dashboard.feed import View
from dashboard.panels.base import Host, Panel, Scene
from dashboard.rows import Row
from dashboard.symbols import Order


class SymbolsPanel(Panel):
    """Enter opens the pair under the cursor. Lines change places only while no key is pressed."""

    id = "symbols"
    title = "Symbols"

    def __init__(self) -> None:
        self._order = Order.PAIR
        self._pairs: tuple[str, ...] = ()
        self._chosen = ""  # the cursor stays with its pair
        self._key_ns: int | None = None
        self._first = 0
        self._room = 1

    def rows(self, scene: Scene, width: int, height: int) -> list[Row]:
        """The pairs in their order."""
        views: dict[str, View | None] = {pair.name: scene.quotes.get(pair.name) for pair in scene.catalog.pairs}
        if scene.view.pair in views and scene.view.book is not None:
            views[scene.view.pair] = scene.view
        idle_ns = symbols.CALM_NS if self._key_ns is None else scene.now_ns - self._key_ns
        self._pairs = symbols.ordered(views, self._order, self._pairs, idle_ns, scene.depth)
        self._room = max(1, height - 1)
        place = self._place()
        self._first = max(0, min(place - self._room + 1, len(self._pairs) - self._room))
        return symbols.rows(views, self._pairs, width, height, place, self._order, scene.depth)

    def _place(self) -> int:
        if self._chosen not in self._pairs:
            return 0
        return self._pairs.index(self._chosen)

    def shown(self) -> tuple[str, ...]:
        """The pairs in sight: their quotes are looked at."""
        return self._pairs[self._first : self._first + self._room]

    def _go(self, place: int, host: Host) -> None:
        self._key_ns = host.scene().now_ns
        if self._pairs:
            self._chosen = self._pairs[max(0, min(place, len(self._pairs) - 1))]

    def on_cursor_down(self, host: Host) -> None:
        """The next pair."""
        self._go(self._place() + 1, host)

    def on_cursor_up(self, host: Host) -> None:
        """The previous pair."""
        self._go(self._place() - 1, host)

    def on_page_down(self, host: Host) -> None:
        """A page down."""
        self._go(self._place() + self._room, host)

    def on_page_up(self, host: Host) -> None:
        """A page up."""
        self._go(self._place() - self._room, host)

    def on_top(self, host: Host) -> None:
        """The first pair."""
        self._go(0, host)

    def on_bottom(self, host: Host) -> None:
        """The last pair."""
        self._go(len(self._pairs) - 1, host)

    def on_sort(self, host: Host) -> None:
        """By another column."""
        self._order = options.following(self._order)
        self._key_ns = None
        host.say(f"sorted by {self._order}")

    def on_inspect(self, host: Host) -> None:
        """Opens the pair."""
        if self._pairs:
            host.open_pair(self._pairs[self._place()])

    def clicked(self, x: int, y: int, times: int, host: Host) -> None:
        """Selects; the second click opens. On the heads: another order."""
        if y == 0:
            self.on_sort(host)
        elif self._first + y - 1 < len(self._pairs):
            self._go(self._first + y - 1, host)
            if times > 1:
                self.on_inspect(host)

    def rolled(self, lines: int, ctrl: bool, host: Host) -> None:
        """The cursor moves."""
        self._go(self._place() + lines, host)

    def hint(self, scene: Scene) -> str:
        """Its keys."""
        keys = scene.keys
        return f"{keys.sign('inspect')} opens · {keys.sign('symbol')} finds · {keys.sign('sort')} sorts"
