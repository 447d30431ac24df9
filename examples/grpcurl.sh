#!/bin/sh
# Asks the running server by reflection what it speaks, which pairs it has, and for the first messages of a book.
#
#   examples/grpcurl.sh [HOST:PORT] [PAIR]      default: 127.0.0.1:50052 and the server's default pair
#
# No .proto file is needed: the server describes itself.
set -eu
address=${1:-127.0.0.1:50052}
pair=${2:-}
command -v grpcurl >/dev/null || {
    echo "grpcurl.sh: grpcurl is missing: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest" >&2
    exit 1
}
grpcurl -plaintext "$address" list
grpcurl -plaintext "$address" orderbook.MarketData/ListPairs
# A stream has no end of its own: three seconds of it. Ending it so is what we want, so that status is no failure.
grpcurl -plaintext -max-time 3 -d "{\"pair\": \"$pair\", \"levels\": 3}" "$address" orderbook.MarketData/StreamBook || true
