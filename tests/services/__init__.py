"""Tests of services/: over real sockets where a client would notice."""
