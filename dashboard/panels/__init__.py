"""The panels: each a pure picture of the scene, and the keys that it takes while it has the focus.

To add one: a class from `Panel` in a module of its own, its name in `all_panels` (panels/shelf.py), its place in
`layout.py`, and the rows of its keys in `keys.py`.
"""
