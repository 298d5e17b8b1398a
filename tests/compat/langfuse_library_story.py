"""Runs in another environment, with one of Langfuse's SDKs: prompts, a dataset, a run over it, and media.

Only the SDK itself is there. `python -m tests.compat.langfuse_library_story URL KEY`
"""

import asyncio
import json
import sys
import urllib.request
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import langfuse as sdk

MAJOR = int(version("langfuse").partition(".")[0])
CHAT = [{"role": "system", "content": "You are {{who}}."}, {"role": "user", "content": "{{question}}"}]
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


def prompts(langfuse: Any) -> dict[str, Any]:
    first = langfuse.create_prompt(
        name="team/greet", prompt="Hi {{name}}", labels=["production"], tags=["a"], config={"t": 0.5}, type="text",
        commit_message="one",
    )  # fmt: skip
    langfuse.create_prompt(name="team/greet", prompt="Hello {{name}}", labels=["staging"], type="text")
    chat = langfuse.create_prompt(name="ask", prompt=CHAT, labels=["production"], type="chat")
    found = langfuse.get_prompt("team/greet")
    staged = langfuse.get_prompt("team/greet", label="staging")
    numbered = langfuse.get_prompt("team/greet", version=1)
    fallback = langfuse.get_prompt("none", fallback="else", max_retries=1)
    said = langfuse.get_prompt("ask", type="chat").compile(who="kind", question="why?")
    told = {
        "made": [first.version, first.labels and sorted(first.labels), first.tags],
        "found": [found.version, found.compile(name="Ada"), found.config, found.commit_message],
        "staged": [staged.version, staged.compile(name="Ada")],
        "numbered": numbered.prompt, "fallback": [fallback.prompt, fallback.is_fallback],
        "chat": [chat.version, [[one["role"], one["content"]] for one in said]],
    }  # fmt: skip
    if MAJOR >= 3:
        langfuse.update_prompt(name="team/greet", version=2, new_labels=["production"])
        told["moved"] = langfuse.get_prompt("team/greet", cache_ttl_seconds=0).version
        listed = langfuse.api.prompts.list(name="team/greet").data
        told["listed"] = [[one.name, one.versions, sorted(one.labels)] for one in listed]
    return told


def dataset(langfuse: Any) -> Any:
    langfuse.create_dataset(name="team/qa", description="d", metadata={"m": 1})
    for place in range(3):
        langfuse.create_dataset_item(
            dataset_name="team/qa", id=f"item-{place}", input={"n": place}, expected_output=place * 2,
            metadata={"k": place},
        )  # fmt: skip
    langfuse.create_dataset_item(dataset_name="team/qa", id="item-2", status="ARCHIVED")
    return langfuse.get_dataset("team/qa", fetch_items_page_size=2)


def runs(langfuse: Any, held: Any) -> dict[str, Any]:
    if MAJOR == 2:
        for item in held.items:
            trace = langfuse.trace(name="task", input=item.input)
            item.link(trace, "run 1", run_description="by hand", run_metadata={"r": 1})
        return _read_run(langfuse.get_dataset_run("team/qa", "run 1"))

    async def task(*, item: Any, **_: Any) -> int:
        await asyncio.sleep(0)
        return item.input["n"] * 2

    def right(*, output: Any, expected_output: Any, **_: Any) -> Any:
        return sdk.Evaluation(name="right", value=float(output == expected_output))

    def mean(*, item_results: Any, **_: Any) -> Any:
        return sdk.Evaluation(name="mean", value=1.0, comment=str(len(item_results)))

    done = held.run_experiment(
        name="double", run_name="run 1", description="by the SDK", task=task, evaluators=[right],
        run_evaluators=[mean], metadata={"r": "1"},
    )  # fmt: skip
    told = {
        "outputs": sorted(one.output for one in done.item_results),
        "scores": [one.evaluations[0].value for one in done.item_results],
        "id": done.experiment_id if MAJOR >= 5 else done.dataset_run_id, "dataset": held.id,
        "traces": sorted(one.trace_id for one in done.item_results),
    }  # fmt: skip
    return (
        told
        if MAJOR >= 5
        else {**told, **_read_run(langfuse.get_dataset_run(dataset_name="team/qa", run_name="run 1"))}
    )


def _read_run(run: Any) -> dict[str, Any]:
    return {"run": [run.name, run.description, sorted(one.dataset_item_id for one in run.dataset_run_items)]}


def media(langfuse: Any) -> dict[str, Any]:
    """Send a picture within an input, and fetch it by the reference that the SDK puts in its place."""
    from langfuse.media import LangfuseMedia  # noqa: PLC0415 - the SDKs of the generation 2 have it elsewhere

    picture = LangfuseMedia(content_bytes=PICTURE, content_type="image/png")
    if MAJOR == 2:
        langfuse.trace(name="seen", input={"picture": picture})
    else:
        start = langfuse.start_span if MAJOR == 3 else langfuse.start_observation
        start(name="seen", input={"picture": picture}).end()
    langfuse.flush()
    about = (langfuse.api if MAJOR >= 3 else langfuse.client).media.get(picture._media_id)
    with urllib.request.urlopen(about.url) as answer:
        same = answer.read() == PICTURE
    return {"same": same, "type": about.content_type, "length": about.content_length}


def main(url: str, key: str) -> None:
    where = {"base_url" if MAJOR >= 4 else "host": url}
    langfuse = sdk.Langfuse(public_key="pk-lf-any", secret_key=key, **where)
    told: dict[str, Any] = {"prompts": prompts(langfuse)}
    held = dataset(langfuse)
    told["dataset"] = [held.name, held.description, held.metadata]
    told["items"] = [
        [one.id, one.status.value if hasattr(one.status, "value") else one.status, one.input] for one in held.items
    ]
    if MAJOR >= 3:
        before = langfuse.get_dataset("team/qa", version=held.items[-1].created_at)
        told["before"] = [one.id for one in before.items]
        told["now"] = len(langfuse.get_dataset("team/qa", version=datetime.now(UTC)).items)
    told["runs"] = runs(langfuse, held)
    told["media"] = media(langfuse)
    langfuse.flush()
    langfuse.shutdown()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
