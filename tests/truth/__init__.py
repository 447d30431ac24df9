"""The judge: what clients are shown, held against what the venue says its book really was."""
