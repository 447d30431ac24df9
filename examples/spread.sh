#!/bin/sh
# Best bid, best ask, spread and the venues behind them, one line an update, while at least two venues are live.
#
#   examples/spread.sh [arguments of client.py]      e.g. examples/spread.sh --symbol ETH/BTC --count 5
#
# PYTHON names the interpreter (default: the project's .venv, else python3). Needs jq: apt-get install jq
set -eu
cd "$(dirname "$0")/.."
command -v jq >/dev/null || { echo "spread.sh: jq is missing: apt-get install jq, or https://jqlang.org" >&2; exit 1; }
[ -n "${PYTHON:-}" ] || { PYTHON=.venv/bin/python; [ -x "$PYTHON" ] || PYTHON=python3; }
"$PYTHON" client.py --format jsonl --levels 1 "$@" | jq --unbuffered -r '
    select([.venues[] | select(.state == "live")] | length >= 2)
    | select(.spread != null)
    | [.pair, .bids[0][0], (.bids | map(.[2]) | join("+")), .asks[0][0], (.asks | map(.[2]) | join("+")), .spread]
    | @tsv'
