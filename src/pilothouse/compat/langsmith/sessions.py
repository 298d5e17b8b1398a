"""LangSmith's projects: names that runs give theirs, and experiments, which are projects over a dataset."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath

from pilothouse.compat.arrival import Arrival
from pilothouse.compat.base import headers_of
from pilothouse.compat.langsmith import ids, results, views
from pilothouse.compat.langsmith.answers import problem
from pilothouse.compat.langsmith.asking import MOST, number, several, uuid_of, when
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep, actor_of
from pilothouse.compat.langsmith.runs import SESSION_ID, SESSION_NAME, SOURCE, Operation, traced
from pilothouse.domain.access import Permission, VirtualKey
from pilothouse.domain.experiment import Experiment
from pilothouse.domain.keeping import Subject
from pilothouse.domain.reading import AttributeValue, SpanFilter
from pilothouse.errors import Conflict, InvalidRequest, NotFound
from pilothouse.otlp.values import moment_ns
from pilothouse.protocols.loose import mapping, scalar
from pilothouse.registry.experiments import ExperimentChange, ItemLink, NewExperiment
from pilothouse.registry.library import Library
from pilothouse.store.metadata.experiments import ExperimentFilter

_DAYS = timedelta(days=90)
"""How far back projects are looked for."""
_VERSION = "dataset_version"
_ACCEPTED, _NOT_BUILT = 202, 501


@get("/sessions", include_in_schema=False)
async def list_all(langsmith: PartsDep, request: Request[Any, Any, Any]) -> list[dict[str, Any]]:
    """Return projects; one that is asked for by name is there, since any run may name it."""
    key = await langsmith.sender(request)
    asked = request.query_params
    offset, limit = number(request, "offset", 0), number(request, "limit", MOST)
    name, part = scalar(asked.get("name")), scalar(asked.get("name_contains")).lower()
    dataset = (several(request, "reference_dataset") or [""])[0]
    wanted = ExperimentFilter(
        project_id=key.project_id, dataset_id=dataset, name=name, part=part, limit=min(limit, MOST), offset=offset,
        ids=tuple(several(request, "id")),
    )  # fmt: skip
    if dataset or wanted.ids:
        found, _ = await langsmith.library.experiments.page(wanted)
        return [views.experiment(one) for one in found]
    if name:
        found, _ = await langsmith.library.experiments.page(wanted)
        if found:
            return [await _with_stats(langsmith, key, request, views.experiment(found[0]))]
    names = await seen(langsmith, key.project_id)
    if name:
        held = next((one for one in names if one.value == name), None)
        one = views.session(key.project_id, held or _unseen(langsmith, name))
        return [await _with_stats(langsmith, key, request, one)]
    experiments: list[Experiment] = []
    if scalar(asked.get("reference_free")) != "true":
        experiments, _ = await langsmith.library.experiments.page(
            ExperimentFilter(project_id=key.project_id, part=part, limit=MOST)
        )
    taken = {one.name for one in experiments}
    others = [one for one in names if part in one.value.lower() and one.value not in taken]
    shown = [views.experiment(one) for one in experiments] + [views.session(key.project_id, one) for one in others]
    return shown[offset : offset + limit]


@post("/sessions", status_code=200, include_in_schema=False)
async def create(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Make an experiment over a dataset, or return the project of a name, which needs no making."""
    arrival = await langsmith.writer(request)
    body = mapping(await langsmith.body(request))
    return await made(langsmith, arrival.key, body, upsert=scalar(request.query_params.get("upsert")) == "true")


@get("/sessions/resolutions", include_in_schema=False)
async def resolve(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, str]:
    """Return the project that an address names: that of an experiment is the experiment itself."""
    key = await langsmith.sender(request)
    kind = scalar(request.query_params.get("kind"))
    if kind != "EXPERIMENT":
        raise NotFound(f"only experiments have addresses here, nothing of the kind {kind[:40]!r} has")
    wanted = str(uuid_of(request.query_params.get("id"), "id"))
    return {"session_id": (await langsmith.library.experiments.get(key.project_id, wanted)).id}


@get("/sessions/{session_id:str}", include_in_schema=False)
async def find(langsmith: PartsDep, request: Request[Any, Any, Any], session_id: FromPath[str]) -> dict[str, Any]:
    """Return one project."""
    key = await langsmith.sender(request)
    return await _with_stats(langsmith, key, request, await session_of(langsmith, key.project_id, session_id))


@patch("/sessions/{session_id:str}", status_code=200, include_in_schema=False)
async def change(langsmith: PartsDep, request: Request[Any, Any, Any], session_id: FromPath[str]) -> dict[str, Any]:
    """Change an experiment; of another project nothing is kept, and its name is what runs call it."""
    arrival = await langsmith.writer(request)
    return await changed(langsmith, arrival.key, session_id, mapping(await langsmith.body(request)))


@delete("/sessions/{session_id:str}", status_code=200, include_in_schema=False)
async def remove(langsmith: PartsDep, request: Request[Any, Any, Any], session_id: FromPath[str]) -> Response[Any]:
    """Delete a project with its runs, for which a key needs the permission of administrators.

    Of other keys, those that may write delete experiments, whose runs stay, and projects without runs.
    """
    key = await langsmith.intake.admit(headers_of(request), Permission.WRITE, Permission.ADMIN)
    wanted = str(uuid_of(session_id, "session_id"))
    experiment = await known(langsmith, key.project_id, wanted)
    if experiment is not None:
        await langsmith.library.experiments.delete(key.project_id, wanted, actor=actor_of(key))
    if Permission.ADMIN in key.permissions and langsmith.deletions is not None:
        # also when no run is seen, since some may be under way
        asked = await langsmith.deletions.request(key.project_id, Subject.PROJECT, wanted, actor=actor_of(key))
        told = {"message": "The project's runs are being deleted", "deletion_id": asked.id}
        return Response(told, status_code=_ACCEPTED)
    if experiment is not None:
        return Response({"message": "Experiment deleted; its runs stay, since the key may not delete any"})
    if await _has_runs(langsmith, request, key, wanted):
        await langsmith.intake.admit(headers_of(request), Permission.ADMIN)
        return problem(_NOT_BUILT, "runs are not deleted here")
    return Response({"message": "No run belongs to the project"})


HANDLERS = (list_all, create, resolve, find, change, remove)


async def made(langsmith: LangSmithParts, key: VirtualKey, body: dict[str, Any], *, upsert: bool) -> dict[str, Any]:
    """Make an experiment over a dataset, or return the project of a name."""
    name = scalar(body.get("name")).strip()
    if not name:
        raise InvalidRequest("a project needs a name", param="name")
    if body.get("reference_dataset_id"):
        return views.experiment(await _experiment(langsmith, key, body, upsert=upsert))
    found = views.session(key.project_id, _unseen(langsmith, name))
    return {**found, "description": body.get("description"), "extra": body.get("extra")}


async def changed(langsmith: LangSmithParts, key: VirtualKey, session_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Change an experiment, and of another project nothing."""
    wanted = str(uuid_of(session_id, "session_id"))
    if await known(langsmith, key.project_id, wanted) is not None:
        done = await langsmith.library.experiments.change(key.project_id, wanted, _change(body), actor=actor_of(key))
        return views.experiment(done)
    found = await session_of(langsmith, key.project_id, session_id)
    if scalar(body.get("name")) not in ("", found["name"]):
        raise InvalidRequest("a project cannot be renamed: its name is what runs call it", param="name")
    said = {name: body[name] for name in ("description", "extra", "end_time") if body.get(name) is not None}
    return {**found, **said}


async def _has_runs(
    langsmith: LangSmithParts, request: Request[Any, Any, Any], key: VirtualKey, session_id: str
) -> bool:
    await langsmith.reader(request)
    asked = SpanFilter(project_id=key.project_id, source=SOURCE, attributes={SESSION_ID: (session_id,)}, limit=1)
    return bool((await langsmith.reads.spans(asked)).items)


async def note_runs(library: Library, arrival: Arrival, operations: Iterable[Operation]) -> None:
    """Note which traces came of which examples; raises what `Metadata` raises."""
    project_id = arrival.key.project_id
    links: dict[str, list[ItemLink]] = {}
    for one in operations:
        example = ids.uuid_of(one.body.get("reference_example_id"))
        if example is None or traced(one) != one.run_id:
            continue
        name = scalar(one.body.get("session_name"))
        session = ids.uuid_of(one.body.get("session_id")) or (ids.session_id(project_id, name) if name else None)
        if session is not None:
            link = ItemLink(
                item_id=str(example), trace_id=ids.trace_id(one.run_id), span_id=ids.span_id(one.run_id),
                at_ns=arrival.received_at_ns,
            )  # fmt: skip
            links.setdefault(str(session), []).append(link)
    for session_id, found in links.items():
        try:
            await library.experiments.link(project_id, session_id, found)
        except NotFound:
            continue  # a run may name an example outside of any experiment


async def _experiment(langsmith: LangSmithParts, key: VirtualKey, body: dict[str, Any], *, upsert: bool) -> Experiment:
    name = scalar(body.get("name")).strip()
    taken, _ = await langsmith.library.experiments.page(ExperimentFilter(project_id=key.project_id, name=name, limit=1))
    if taken and not upsert:
        # SDKs try another name after this answer
        raise Conflict(f"an experiment {name[:80]!r} exists already")
    extra, metadata = mapping(body.get("extra")), mapping(mapping(body.get("extra")).get("metadata"))
    dataset = str(uuid_of(body["reference_dataset_id"], "reference_dataset_id"))
    version = scalar(metadata.get(_VERSION))
    return await langsmith.library.experiments.create(
        NewExperiment(
            project_id=key.project_id,
            name=name,
            dataset=dataset,
            # runs say the name alone, so the id has to follow from that, and one that the caller thought of does not
            id=str(ids.session_id(key.project_id, name)),
            description=scalar(body.get("description")),
            metadata=metadata or None,
            details={"extra": {field: value for field, value in extra.items() if field != "metadata"}},
            dataset_version=await _version(langsmith, key, dataset, version),
            started_at_ns=moment_ns(body.get("start_time")),
        ),
        actor=actor_of(key),
        upsert=upsert,
    )


async def _version(langsmith: LangSmithParts, key: VirtualKey, dataset: str, said: str) -> int | None:
    if not said:
        return None
    try:
        return await langsmith.library.datasets.version_at(key.project_id, dataset, when(said)) or None
    except NotFound:
        return None


def _change(body: dict[str, Any]) -> ExperimentChange:
    values: dict[str, Any] = {}
    for name in ("name", "description"):
        if body.get(name):
            values[name] = scalar(body[name])
    if body.get("extra") is not None:
        extra = mapping(body["extra"])
        values["metadata"] = extra.get("metadata")
        values["details"] = {"extra": {field: value for field, value in extra.items() if field != "metadata"}}
    ended_ns = moment_ns(body.get("end_time"))
    if ended_ns is not None:
        values["ended_at_ns"] = ended_ns
    return ExperimentChange(**values)


async def known(langsmith: LangSmithParts, project_id: str, session_id: str) -> Experiment | None:
    """Return the experiment that a project is; None of others."""
    try:
        return await langsmith.library.experiments.get(project_id, session_id)
    except NotFound:
        return None


async def seen(langsmith: LangSmithParts, project_id: str) -> list[AttributeValue]:
    """Return the names that runs give their projects, the newest first."""
    wanted = SpanFilter(project_id=project_id, source=SOURCE, parent_span_id="", from_at=langsmith.now() - _DAYS)
    return await langsmith.reads.attribute_values(wanted, SESSION_NAME)


async def _with_stats(
    langsmith: LangSmithParts, key: VirtualKey, request: Request[Any, Any, Any], session: dict[str, Any]
) -> dict[str, Any]:
    if scalar(request.query_params.get("include_stats")).lower() != "true":
        return session
    await langsmith.reader(request)
    return {**session, **await results.stats_of(langsmith, key.project_id, session)}


async def session_of(langsmith: LangSmithParts, project_id: str, text: str) -> dict[str, Any]:
    """Return the project of an id; raises `NotFound`."""
    wanted = uuid_of(text, "session_id")
    experiment = await known(langsmith, project_id, str(wanted))
    if experiment is not None:
        return views.experiment(experiment)
    for one in await seen(langsmith, project_id):
        if ids.session_id(project_id, one.value) == wanted:
            return views.session(project_id, one)
    raise NotFound(f"no run of the last {_DAYS.days} days belongs to the project {wanted}")


def _unseen(langsmith: LangSmithParts, name: str) -> AttributeValue:
    now = langsmith.now()
    return AttributeValue(name, now, now, 0)
