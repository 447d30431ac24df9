"""The picture in plain ASCII, for terminals and fonts without the signs: one sign for one, so that nothing moves."""

from dataclasses import replace

from dashboard.rows import Row, Span

_SIGNS = {
    "▲": "^",
    "▼": "v",
    "◆": "*",
    "×": "x",
    "✕": "x",
    "…": "~",
    "●": "o",
    "◐": "!",
    "↻": "@",
    "◌": ".",
    "○": "-",
    "—": "-",
    "‖": "=",
    "·": ".",
    "≥": ">",
    "─": "-",
    "╴": "-",
    "━": "=",
    "═": "=",
    "│": "|",
    "┊": ":",
    "╭": "+",
    "╮": "+",
    "╰": "+",
    "╯": "+",
    "├": "+",
    "┤": "+",
    "┼": "+",
    "█": "#",
    "▌": "#",
    "▐": "#",
    "▓": "%",
    "░": ":",
    "▁": "_",
    "▂": "_",
    "▃": "_",
    "▄": "=",
    "▅": "=",
    "▆": "#",
    "▇": "#",
    "₀": "0",
    "₁": "1",
    "₂": "2",
    "₃": "3",
    "₄": "4",
    "₅": "5",
    "₆": "6",
    "₇": "7",
    "₈": "8",
    "₉": "9",
    "←": "<",
    "→": ">",
    "↑": "^",
    "↓": "v",
    "±": "~",
    "§": "S",
    "▶": ">",
    "≤": "<",
    "≈": "~",
    "┃": "|",
    "┆": ":",
    "┌": "+",
    "┐": "+",
    "└": "+",
    "┘": "+",
    "▒": "-",
    "▏": "|",
    "▎": "|",
    "▍": "|",
    "▋": "#",
    "▊": "#",
    "▉": "#",
    "▔": "-",
    "▕": "|",
    "▀": "#",
    "╸": "-",
    "╺": "-",
    "•": "*",
    "–": "-",
    "“": '"',
    "”": '"',
    "\u2009": " ",
}
_BRAILLE = {chr(0x2800): " "} | {chr(code): ":" for code in range(0x2801, 0x2900)}
_TABLE = str.maketrans(_SIGNS | _BRAILLE)


def plain(text: str) -> str:
    """ASCII of the same length; a sign without a substitute becomes `?`."""
    return text.translate(_TABLE).encode("ascii", "replace").decode("ascii")


def plain_row(row: Row) -> Row:
    """The row in ASCII."""
    return replace(row, spans=tuple(Span(plain(span.text), span.role) for span in row.spans))
