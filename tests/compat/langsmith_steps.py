"""The steps of LangSmith's story; imported where its SDK is, once the environment says where to send."""

import contextlib
import importlib
import importlib.util
from typing import Any
from uuid import UUID

langsmith: Any = importlib.import_module("langsmith")
openai: Any = importlib.import_module("openai")
RunTree: Any = importlib.import_module("langsmith.run_trees").RunTree
wrap_openai: Any = importlib.import_module("langsmith.wrappers").wrap_openai
traceable: Any = langsmith.traceable
Client: Any = langsmith.Client

MESSAGES = [{"role": "user", "content": "Hello"}]
METADATA = {"user_id": "ada", "thread_id": "s-1", "plan": {"tier": "pro"}}


def tell(model_url: str) -> dict[str, Any]:
    client = Client()
    model = wrap_openai(openai.OpenAI(base_url=model_url, api_key="sk-any"))
    seen: dict[str, str] = {}

    @traceable(run_type="tool", name="multiply", tags=["math"])
    def multiply(a: int, b: int) -> int:
        return a * b

    @traceable(run_type="chain", name="broken")
    def broken() -> None:
        raise ValueError("it broke")

    @traceable(name="checkout", metadata=METADATA, tags=["a", "b"])
    def checkout(question: str) -> dict[str, Any]:
        multiply(6, 7)
        with contextlib.suppress(ValueError):
            broken()
        model.chat.completions.create(model="m", messages=MESSAGES, temperature=0.5)
        options = {"include_usage": True}
        for _chunk in model.chat.completions.create(model="m", messages=MESSAGES, stream=True, stream_options=options):
            pass
        return {"answer": question.upper()}

    def ended(run: Any) -> None:
        seen["root"] = str(run.id)

    checkout("hi", langsmith_extra={"client": client, "on_end": ended})
    tree = RunTree(name="tree", run_type="chain", inputs={"a": 1}, ls_client=client, project_name="other")
    tree.post()
    child = tree.create_child(name="priced", run_type="llm", inputs={"prompts": ["x"]})
    child.post()
    _flush(client)
    usage = {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14, "total_cost": 0.25}
    child.end(outputs={"text": "y", "usage_metadata": {**usage, "input_token_details": {"cache_read": 3}}})
    child.patch()
    tree.end(outputs={"b": 2})
    tree.patch()
    client.create_feedback(tree.id, "quality", score=0.9, comment="good", trace_id=tree.id)
    client.create_feedback(child.id, "kind", value="great", trace_id=tree.id)
    if importlib.util.find_spec("langchain_openai") is not None:
        _langchain(model_url, client)
    _flush(client)
    return {**seen, "tree": str(tree.id), "child": str(child.id)}


def read(said: dict[str, str]) -> dict[str, Any]:
    client = Client()
    root = client.read_run(said["root"])
    runs = list(client.list_runs(trace_id=said["root"]))
    named = [run.name for run in client.list_runs(project_name="other", is_root=True)]
    failed = [run.name for run in client.list_runs(project_name="shop", error=True)]
    calls = [run.name for run in client.list_runs(project_name="shop", run_type="llm", limit=1)]
    child = client.read_run(said["child"])
    feedback = client.list_feedback(run_ids=[UUID(said["tree"]), UUID(said["child"])])
    return {
        "root": {
            "name": root.name, "inputs": root.inputs, "outputs": root.outputs, "tags": root.tags, "error": root.error,
            "metadata": {name: root.metadata.get(name) for name in METADATA}, "ended": root.end_time is not None,
        },
        "runs": sorted(run.name for run in runs),
        "paths": all(run.dotted_order.startswith(root.dotted_order) for run in runs),
        "parents": sum(run.parent_run_id == root.id for run in runs),
        "named": named,
        "failed": failed,
        "calls": calls,
        "child": {
            "inputs": child.inputs, "outputs": child.outputs, "parent": child.parent_run_id, "trace": child.trace_id,
            "tokens": [child.prompt_tokens, child.completion_tokens, child.total_tokens], "cost": child.total_cost,
        },
        "feedback": sorted([one.key, one.score, one.value, one.comment, str(one.run_id)] for one in feedback),
        "projects": sorted(str(one.name) for one in client.list_projects()),
    }  # fmt: skip


def _langchain(model_url: str, client: Any) -> None:
    prompts = importlib.import_module("langchain_core.prompts")
    tracers = importlib.import_module("langchain_core.tracers.langchain")
    model = importlib.import_module("langchain_openai").ChatOpenAI(
        model="m", base_url=model_url, api_key="sk-any", temperature=0.1
    )
    prompt = prompts.ChatPromptTemplate.from_messages([("system", "be kind"), ("human", "{question}")])
    tracer = tracers.LangChainTracer(project_name="chains", client=client)
    (prompt | model).invoke({"question": "hi"}, config={"callbacks": [tracer], "metadata": {"session_id": "s-2"}})
    tracers.wait_for_all_tracers()


def _flush(client: Any) -> None:
    if hasattr(client, "flush"):
        client.flush()
    elif client.tracing_queue is not None:
        client.tracing_queue.join()
