"""The contract suite of the port, once more on each event loop."""

from tests.contracts.test_transport import *  # noqa: F403
