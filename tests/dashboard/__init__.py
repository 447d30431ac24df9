"""Tests of the dashboard and of the printed formats."""
