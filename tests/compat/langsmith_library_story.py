"""Runs in another environment, with one of LangSmith's SDKs: a dataset, an evaluation over it, and prompts.

Only the SDK itself is there. `python -m tests.compat.langsmith_library_story URL KEY`
"""

import io
import json
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from uuid import uuid4

from langsmith import Client
from langsmith.evaluation import evaluate
from langsmith.schemas import AttachmentsOperations, DataType
from langsmith.utils import LangSmithConflictError

VERSION = tuple(int(part) for part in version("langsmith").split(".")[:2])
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
MANIFEST = {
    "lc": 1, "type": "constructor", "id": ["langchain", "prompts", "chat", "ChatPromptTemplate"],
    "kwargs": {
        "input_variables": ["question"],
        "messages": [
            {
                "lc": 1, "type": "constructor", "id": ["langchain", "prompts", "chat", "HumanMessagePromptTemplate"],
                "kwargs": {
                    "prompt": {
                        "lc": 1, "type": "constructor", "id": ["langchain", "prompts", "prompt", "PromptTemplate"],
                        "kwargs": {
                            "input_variables": ["question"], "template": "Say {question}, {{braced}}",
                            "template_format": "f-string",
                        },
                    }
                },
            }
        ],
    },
}  # fmt: skip


def dataset(client: Client) -> tuple[Any, dict[str, Any]]:
    made = client.create_dataset("qa", description="d", metadata={"m": 1})
    client.create_examples(
        dataset_id=made.id, inputs=[{"n": 1}, {"n": 2}], outputs=[{"n": 2}, {"n": 4}], splits=["test", "train"],
        metadata=[{"k": 1}, {"k": 2}],
    )  # fmt: skip
    first_version = client.read_dataset_version(dataset_id=made.id, tag="latest").as_of
    third = client.create_example(inputs={"n": 3}, outputs={"n": 0}, dataset_id=made.id)
    client.update_dataset_tag(dataset_id=made.id, as_of=first_version, tag="first")
    client.update_example(third.id, outputs={"n": 6}, metadata={"k": 3})
    extra = client.create_example(inputs={"n": 9}, outputs={"n": 9}, dataset_id=made.id)
    client.delete_example(extra.id)
    test = list(client.list_examples(dataset_id=made.id, splits=["test"]))
    client.update_dataset_splits(dataset_id=made.id, split_name="test", example_ids=[third.id])
    told = {
        "name": client.read_dataset(dataset_name="qa").name,
        "count": client.read_dataset(dataset_id=made.id).example_count,
        "now": sorted(one.inputs["n"] for one in client.list_examples(dataset_name="qa")),
        "first": sorted(one.inputs["n"] for one in client.list_examples(dataset_id=made.id, as_of="first")),
        "before": sorted(one.inputs["n"] for one in client.list_examples(dataset_id=made.id, as_of=first_version)),
        "test": [one.inputs["n"] for one in test],
        "splits": client.list_dataset_splits(dataset_id=made.id),
        "updated": client.read_example(third.id).outputs,
        "versions": len(list(client.list_dataset_versions(dataset_id=made.id))),
        "listed": [one.name for one in client.list_datasets()],
        "has": [client.has_dataset(dataset_name="qa"), client.has_dataset(dataset_name="none")],
    }
    return made, told


def chosen(client: Client) -> dict[str, Any]:
    """Find examples and datasets by what they are, and remove an example from every version."""
    made = client.create_dataset("chosen", metadata={"team": "a"}, data_type=DataType.llm)
    client.create_examples(
        dataset_id=made.id, inputs=[{"n": n} for n in range(3)], metadata=[{"a": 1}, {"a": 2, "b": [1]}, {}]
    )
    found = [
        sorted(one.inputs["n"] for one in client.list_examples(dataset_id=made.id, filter=text))
        for text in ('exists(metadata, "b")', "has(\"metadata\", '{\"a\": 1}')", 'not(exists(metadata, "a"))',
                     "or(has(metadata, '{\"a\": 1}'), has(metadata, '{\"b\": [1]}'))")
    ]  # fmt: skip
    told: dict[str, Any] = {
        "found": found,
        "datasets": [
            [one.name for one in client.list_datasets(**asked)]
            for asked in ({"data_type": "llm"}, {"metadata": {"team": "a"}}, {"metadata": {"team": "b"}})
        ],
    }
    if VERSION >= (0, 8):
        before = client.read_dataset_version(dataset_id=made.id, tag="latest").as_of
        gone = next(one for one in client.list_examples(dataset_id=made.id) if one.inputs == {"n": 1})
        client.delete_examples(example_ids=[gone.id], hard_delete=True)
        told["left"] = [
            sorted(one.inputs["n"] for one in client.list_examples(dataset_id=made.id, **asked))
            for asked in ({}, {"as_of": before})
        ]
    return told


def files(client: Client) -> dict[str, Any]:
    made = client.create_dataset("files")
    item = {"inputs": {"q": 1}, "attachments": {"picture": {"mime_type": "image/png", "data": PICTURE}}}
    client.create_examples(dataset_id=made.id, examples=[item])
    (found,) = client.list_examples(dataset_id=made.id, include_attachments=True)
    held = found.attachments["picture"]
    told = {"names": list(found.attachments), "same": held["reader"].read() == PICTURE}
    return told | {"changed": changed_files(client, made.id)}


def changed_files(client: Client, dataset_id: Any) -> list[Any]:
    """Return the files of an example, by name, after each of several changes of it."""
    example = uuid4()
    files = {name: ("text/plain", name.encode()) for name in ("a", "b", "c", "d")}
    client.create_examples(dataset_id=dataset_id, examples=[{"id": example, "inputs": {"q": 1}, "attachments": files}])
    told = []
    changes: list[dict[str, Any]] = [
        {"split": "test"}, {"metadata": {"m": 1}}, {"inputs": {"q": 2}, "outputs": {"a": 2}},
        {"attachments_operations": {"retain": ["a", "b"], "rename": {"c": "see"}}},
        {"attachments_operations": {"retain": ["a", "b"]}, "attachments": {"b": ("text/plain", b"new")}},
        {"attachments_operations": {"rename": {"a": "b"}}, "attachments": {"e": ("text/plain", b"e")}},
        {"attachments": {"f": ("text/plain", b"f")}}, {"attachments_operations": {}},
    ]  # fmt: skip
    for change in changes:
        client.update_examples(dataset_id=dataset_id, updates=[{"id": example, **change}])
        found = client.read_example(example)
        told.append({name: one["reader"].read().decode() for name, one in (found.attachments or {}).items()})
    client.update_example(example, attachments={"g": ("text/plain", b"g"), "h": ("text/plain", b"h")})
    client.update_example(example, split="train")
    client.update_example(example, attachments_operations=AttachmentsOperations(retain=["h"]))
    found = client.read_example(example)
    return [*told, [found.inputs, found.outputs, found.metadata, sorted(found.attachments)]]


def uploaded(client: Client) -> dict[str, Any]:
    """Make datasets of files of comma-separated values."""
    table = b'\xef\xbb\xbfasked,answer,note\r\nWhy?,"Because,\r\nyes",a\r\n\r\nHow?,,b\r\n'

    def upload(**asked: Any) -> Any:
        return client.upload_csv(("caf\u00e9.csv", io.BytesIO(table)), ["asked"], ["answer"], **asked)

    made = [upload(), upload(name="named", description="d", data_type="llm")]
    try:
        upload(name="named")
    except (LangSmithConflictError, ValueError) as error:
        again = type(error).__name__
    else:
        again = "none"
    found = client.list_examples(dataset_id=made[0].id)
    chat = io.BytesIO(b'messages,output\n"[{""role"": ""user"", ""content"": ""Hi""}]",Hello\n')
    made.append(client.upload_csv(("chat.csv", chat), ["messages"], ["output"], data_type="chat"))
    (message,) = client.list_examples(dataset_id=made[2].id)
    return {
        "made": [[one.name, one.description, one.data_type.value, one.example_count] for one in made], "again": again,
        "examples": [[one.inputs, one.outputs] for one in found], "chat": [message.inputs, message.outputs],
    }  # fmt: skip


def evaluation(client: Client, made: Any) -> dict[str, Any]:
    def target(inputs: dict[str, Any]) -> dict[str, Any]:
        return {"n": inputs["n"] * 2}

    def right(run: Any, example: Any) -> dict[str, Any]:
        return {"key": "right", "score": int(run.outputs["n"] == example.outputs["n"])}

    def summary(runs: Any, examples: Any) -> dict[str, Any]:
        return {"key": "share", "score": len(runs) / len(examples)}

    names = []
    for _ in range(2):
        done = evaluate(
            target, data="qa", evaluators=[right], summary_evaluators=[summary], experiment_prefix="double",
            description="of the story", metadata={"who": "me"}, client=client, max_concurrency=0, blocking=True,
        )  # fmt: skip
        rows = list(done)
        names.append(done.experiment_name)
    project = client.read_project(project_name=names[0])
    client.flush()
    return {
        "outputs": sorted(row["run"].outputs["n"] for row in rows),
        "scores": [one.score for row in rows for one in row["evaluation_results"]["results"]],
        "different": names[0] != names[1], "prefix": names[0].startswith("double"),
        "project": [str(project.reference_dataset_id) == str(made.id), project.metadata.get("who")],
        "experiments": len(list(client.list_projects(reference_dataset_id=made.id))),
    }  # fmt: skip


def prompts(client: Client) -> dict[str, Any]:
    client.create_prompt("ask", description="d", tags=["a"])
    told: dict[str, Any] = {"made": [one.repo_handle for one in client.list_prompts().repos]}
    body = {"parent_commit": None, "manifest": MANIFEST}
    url = f"{client.api_url}/commits/-/ask"
    made = client.session.post(url, json=body, headers=client._headers).json()["commit"]
    told["hash"] = len(made["commit_hash"])
    told["same"] = client.pull_prompt_commit("ask").manifest == MANIFEST
    told["by hash"] = client.pull_prompt_commit(f"ask:{made['commit_hash'][:8]}").commit_hash == made["commit_hash"]
    client.session.post(
        f"{client.api_url}/repos/-/ask/tags", json={"tag_name": "production", "commit_id": made["id"]},
        headers=client._headers,
    ).raise_for_status()  # fmt: skip
    told["tagged"] = client.pull_prompt_commit("ask:production").commit_hash == made["commit_hash"]
    told["commits"] = [one.commit_hash == made["commit_hash"] for one in client.list_prompt_commits("ask")]
    client.update_prompt("ask", description="new")
    told["prompt"] = [client.get_prompt("ask").description, client.get_prompt("ask").num_commits]
    told["missing"] = client.get_prompt("none")
    try:
        version("langchain-core")
    except PackageNotFoundError:
        pass
    else:
        from langchain_core.prompts import ChatPromptTemplate  # noqa: PLC0415 - not in every environment

        client.push_prompt(
            "pushed", object=ChatPromptTemplate.from_messages([("system", "Be {mood}"), ("user", "{q}")])
        )
        pulled = client.pull_prompt("pushed")
        told["pulled"] = [one.content for one in pulled.format_messages(mood="kind", q="why")]
        told["from us"] = [one.content for one in client.pull_prompt("greet").format_messages(name="Ada")]
    client.delete_prompt("ask")
    told["left"] = client.get_prompt("ask")
    return told


def main(url: str, key: str) -> None:
    client = Client(api_url=url, api_key=key)
    made, told = dataset(client)
    found = {"dataset": told, "evaluation": evaluation(client, made), "prompts": prompts(client)}
    if VERSION >= (0, 3):
        found["files"] = files(client)
    found["chosen"] = chosen(client)
    found["uploaded"] = uploaded(client)
    client.delete_dataset(dataset_name="qa")
    found["gone"] = client.has_dataset(dataset_name="qa")
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
