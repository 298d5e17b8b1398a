"""Runs in another environment, with one of LangSmith's SDKs: a project and its runs are deleted.

Only the SDK itself is there. `python -m tests.compat.langsmith_projects_story URL KEY`
"""

import json
import sys

from langsmith import Client


def main(url: str, key: str) -> None:
    client = Client(api_url=url, api_key=key)
    before = sorted(one.name for one in client.list_runs(project_name="shop"))
    client.delete_project(project_name="shop")
    sys.stdout.write(json.dumps({"before": before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
