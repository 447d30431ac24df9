"""Tests of the venue: its engine and flow directly, its faces over real sockets only."""
