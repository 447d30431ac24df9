"""Prints the table."""

from tests.captures.files import CAPTURES
from tests.captures.table import table

if __name__ == "__main__":
    if not CAPTURES.is_dir():
        raise SystemExit(f"no captures in {CAPTURES}: set ONEBOOK_CAPTURES")
    for line in table():
        print(line)
