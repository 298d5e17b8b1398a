"""Runs in another environment, with one of Langfuse's SDKs: removes traces.

Only the SDK itself is there. `python -m tests.compat.langfuse_removal_story URL KEY`
"""

import json
import sys
from typing import Any

import langfuse as sdk


def main(url: str, key: str) -> None:
    """Remove one by its id, then two at once, and print what was answered."""
    client: Any = sdk.Langfuse(public_key="pk-lf-any", secret_key=key, host=url)
    traces = client.api.trace
    answers = [traces.delete("a"), traces.delete_multiple(trace_ids=["b", "c"])]
    sys.stdout.write(json.dumps([answer.message for answer in answers]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
