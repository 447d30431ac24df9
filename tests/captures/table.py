"""What all recordings show, in one table, as docs/venues.md has it."""

from collections.abc import Iterator

from book import State
from tests.captures.recordings import RECORDINGS, session
from tests.captures.session import Session, total

HEAD = (
    "session",
    "books live",
    "messages",
    "gaps",
    "proofs",
    "checked",
    "right",
    "crossed",
    "removals of unknown levels",
)
_TITLES = {"okx": "OKX"}


def table() -> Iterator[str]:
    """Line by line; running the sessions takes some seconds."""
    rows: list[tuple[str, ...]] = [HEAD]
    rows += [row(venue, name, session(venue, name)) for venue, names in RECORDINGS.items() for name in names]
    widths = [max(len(each[column]) for each in rows) for column in range(len(HEAD))]
    texts = {0, HEAD.index("proofs")}  # the columns that are no numbers
    rules = ["-" * (width + 2) if column in texts else f"{'-' * (width + 1)}:" for column, width in enumerate(widths)]
    for number, each in enumerate(rows):
        padded = (
            text.ljust(width) if column in texts else text.rjust(width)
            for column, (text, width) in enumerate(zip(each, widths, strict=True))
        )
        yield f"| {' | '.join(padded)} |"
        if number == 0:
            yield f"|{'|'.join(rules)}|"


def row(venue: str, name: str, done: Session) -> tuple[str, ...]:
    """One session."""
    books, recording = done.books.values(), done.recording
    sums, live = total(books), sum(book.state is State.LIVE for book in books)
    checked, right = done.proofs if recording.proof else ("-", "-")
    return (
        f"{_TITLES.get(venue, venue.capitalize())} {name}",
        f"{live} of {len(books)}",
        str(sums.updates),
        str(sums.gaps),
        recording.proof or "-",
        str(checked),
        str(right),
        str(sums.crossed),
        str(sums.unknown_removals) if recording.whole else "-",
    )
