"""Takes pictures of the running dashboard: by key into a folder, and one on leaving for whoever started it."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.picture import NoPicture, can_convert, file_name, png_apart, title

if TYPE_CHECKING:
    from dashboard.app import Dashboard


class Album:
    """The pictures of one application."""

    def __init__(self, app: "Dashboard", errand: Path | None) -> None:
        """`errand`: the file of the picture to take on leaving; None: none."""
        self._app = app
        self._errand = errand

    def take(self) -> None:
        """A picture of this moment into the folder of pictures: SVG, and PNG where its converter is."""
        app = self._app
        scene = app.scene()
        path = Path(scene.settings.screenshot_dir).expanduser() / file_name(scene, time.time())
        try:
            svg = self._svg()
            path.write_text(svg, encoding="utf-8")
        except OSError as error:
            app.say(f"no picture: {error}")
            return
        app.say(str(path))
        if can_convert():
            app.run_worker(self._convert(svg, path.with_suffix(".png")), name="picture")

    async def _convert(self, svg: str, path: Path) -> None:
        try:
            await asyncio.to_thread(_write_png, svg, path)
        except (OSError, NoPicture) as error:
            self._app.say(f"no PNG: {error}")
        else:
            self._app.say(str(path))

    def leave(self) -> None:
        """Takes the picture that was asked for, and ends."""
        if self._errand is None:
            self._app.exit()
        else:
            self._app.run_worker(self._take_and_leave(self._errand), name="leave", group="leave", exclusive=True)

    async def _take_and_leave(self, path: Path) -> None:
        try:
            svg = self._svg()
            if path.suffix == ".png":
                await asyncio.to_thread(_write_png, svg, path)
            else:
                path.write_text(svg, encoding="utf-8")
        except (OSError, NoPicture) as error:
            self._app.exit(return_code=1, message=f"client.py: no picture: {error}")
        else:
            self._app.exit()

    def _svg(self) -> str:
        return self._app.export_screenshot(title=title(self._app.scene()))


def _write_png(svg: str, path: Path) -> None:
    path.write_bytes(png_apart(svg))
