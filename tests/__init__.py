"""The test suite: a module for each module, and the real programs from outside."""
