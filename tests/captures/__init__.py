"""Real frames of the venues through the unchanged protocol objects.

`python -m tests.captures` prints what was compared in each session.
"""

import pytest

from tests.captures.files import CAPTURES, Line, read
from tests.captures.recordings import RECORDINGS, deribit_present, recording, session
from tests.captures.session import Recording, Session, Sides, assert_equal, shown, total

# What a module of tests wants that needs the recordings.
MARKS = [
    pytest.mark.captures,
    pytest.mark.skipif(
        not CAPTURES.is_dir(), reason=f"no captured sessions in {CAPTURES}: ONEBOOK_CAPTURES names their folder"
    ),
]

__all__ = [
    "CAPTURES",
    "MARKS",
    "RECORDINGS",
    "Line",
    "Recording",
    "Session",
    "Sides",
    "assert_equal",
    "deribit_present",
    "read",
    "recording",
    "session",
    "shown",
    "total",
]
