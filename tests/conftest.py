"""Fixtures for every room."""

pytest_plugins = ["tests.postgres", "tests.embedded_store"]
