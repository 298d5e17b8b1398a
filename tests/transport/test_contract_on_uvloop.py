"""The contract suite of the port once more, on the event loop that serves in production."""

import pytest

from tests.contracts.test_transport import *  # noqa: F403
from tests.contracts.test_transport_calls import *  # noqa: F403

pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])
