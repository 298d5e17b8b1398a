"""Runs in another environment, with one of LangSmith's SDKs: tells one story in its words, reads it back, prints both.

Only the SDK, OpenAI's, and maybe LangChain are there. `python -m tests.compat.langsmith_story URL KEY MODEL_URL` writes
one line of ids, waits for a line, reads, and writes what it read.
"""

import importlib
import json
import os
import sys
from typing import Any


def main(url: str, key: str, model_url: str) -> None:
    os.environ |= {
        f"{prefix}_{name}": value
        for prefix in ("LANGSMITH", "LANGCHAIN")
        for name, value in {
            "TRACING": "true", "TRACING_V2": "true", "ENDPOINT": url, "API_KEY": key, "PROJECT": "shop",
        }.items()
    }  # fmt: skip
    # after the environment has been set, which the SDK looks at when it is imported
    story = importlib.import_module("tests.compat.langsmith_steps")
    said: dict[str, Any] = story.tell(model_url)
    _line(said)
    sys.stdin.readline()
    _line(story.read(said))


def _line(value: Any) -> None:
    sys.stdout.write(json.dumps(value, default=str) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
