"""Fixtures for every room."""

from hypothesis import settings

pytest_plugins = ["tests.postgres", "tests.embedded_store"]

# Each test has a timeout; how long one example takes says more of the machine than of the code.
settings.register_profile("pilothouse", deadline=None)
settings.load_profile("pilothouse")
