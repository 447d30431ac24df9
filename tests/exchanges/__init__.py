"""Tests of how venues speak."""
