"""Our own looks, as the application makes them."""

from dashboard.settings import THEMES, Settings
from dashboard.wardrobe import look_for

LOOKS = {name: look_for(Settings(theme=name), plain=False, few=False) for name in THEMES}
