"""What holds for all tests."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)  # an example that a busy machine made wait is no failure
settings.load_profile("patient")
