"""Faults on demand: what a venue may do wrong, done at a chosen moment, counted, and ended cleanly.

The faces stay honest. A fault sits where frames and replies leave a face and disturbs them there; nothing in
here touches the market, so the truth that the admin endpoint tells is never wrong.
"""
