"""How many steps of the interpreter a call takes in the gateway, whatever else the machine is doing.

The steps of our own code are counted, not those of the server and the client beside it. They are the same on every
machine, so that a new stage or look-up on the way of every call is noticed, which a measurement of time would not be
fit for. They are no unit of time: a function that is called costs more than many steps of a loop. Who makes a call
cheaper lowers its budget; who needs more raises it, and says in decision 0019 what for.
"""

import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import pilothouse
from tests.gateway.harness import chat, gateway

pytestmark = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="each version has steps of its own")

OURS = str(Path(pilothouse.__file__).parent)
BESIDE = (f"{OURS}/providers/fake/", f"{OURS}/loops.py", f"{OURS}/gateway/snapshots.py")
CALLS = 8


@contextmanager
def counting() -> Generator[Counter[str]]:
    """Count the steps of our own code, by function, of this thread alone."""
    steps = Counter[str]()

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(OURS) or name.startswith(BESIDE):
            return None
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            steps[f"{name.removeprefix(OURS)}:{frame.f_code.co_qualname}"] += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield steps
    finally:
        sys.settrace(before)


@pytest.mark.parametrize(("account", "budget"), [("up", 4250), ("claude", 6800)])
async def test_a_call_stays_within_its_steps(tmp_path: Path, account: str, budget: int) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.accounts.append(running.account("claude", running.fake.base_url, provider="anthropic"))
        running.publish()

        async def call() -> None:
            answer = await client.post("/v1/chat/completions", json=chat(f"{account}/fake-chat"))
            assert answer.status_code == 200, answer.text

        for _ in range(CALLS):
            await call()
        with counting() as steps:
            for _ in range(CALLS):
                await call()
    taken = steps.total() / CALLS
    most = ", ".join(f"{name} {count / CALLS:.0f}" for name, count in steps.most_common(12))
    assert budget * 0.9 < taken <= budget, f"{taken:.0f} steps a call, of a budget of {budget}; the most: {most}"
