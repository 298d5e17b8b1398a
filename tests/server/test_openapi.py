"""The committed OpenAPI document is the one that the code gives."""

import json
from pathlib import Path

from pilothouse.domain.access import Permission
from pilothouse.server import openapi
from tests.server.harness import Running, running

COMMITTED = Path(__file__).parents[2] / "schemas" / "openapi.json"


def test_the_committed_document_is_current() -> None:
    assert openapi.document() == COMMITTED.read_bytes(), (
        "run: python -m pilothouse.server.openapi > schemas/openapi.json"
    )


async def test_the_server_gives_the_same_document(run: Running) -> None:
    answer = await run.client().get("/schema/openapi.json")
    assert answer.content == COMMITTED.read_bytes()
    assert answer.headers["content-type"] == "application/json"


async def test_what_is_taken_in_a_query_is_what_is_documented(run: Running) -> None:
    documented = {
        (method.upper(), path): {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
        for path, operations in json.loads(COMMITTED.read_bytes())["paths"].items()
        for method, operation in operations.items()
    }
    assert run.app.routes.state["known"] == documented
    assert {"from", "to", "limit", "cursor"} <= documented["GET", "/api/v1/traces"]


async def test_platforms_of_a_process_share_their_routes_and_nothing_behind_them(run: Running, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    async with running(folder) as other:
        assert other.app.routes is run.app.routes
        await other.parts.registry.create_project("beside", actor="test")
        for one, names in ((run, ["default"]), (other, ["default", "beside"])):
            found = (await one.local().get("/api/v1/projects")).json()["items"]
            assert [project["name"] for project in found] == names
        key = await run.key(Permission.INGEST, Permission.READ)
        for one, status in ((run, 200), (other, 401)):
            assert (await one.client(key).get("/api/public/projects")).status_code == status
            assert (await one.client(key).get("/langsmith/settings")).status_code == status


def test_every_operation_is_named_and_documents_its_problems() -> None:
    document = json.loads(COMMITTED.read_bytes())
    names = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["operationId"] not in names, where
            names.add(operation["operationId"])
            problem = operation["responses"]["default"]["content"]["application/problem+json"]
            assert problem["schema"]["$ref"].endswith("/Problem"), where
            assert operation["summary"], where
    assert len(names) > 20


def test_secrets_have_no_place_in_answers() -> None:
    schemas = json.loads(COMMITTED.read_bytes())["components"]["schemas"]
    for name in ("ProviderView", "KeyView", "SessionView", "PersonView"):
        fields = set(schemas[name]["properties"])
        assert not fields & {"secret", "sealed_secret", "digest", "password"}, name
    assert schemas["TraceSummary"]["properties"]["cost_usd"]["oneOf"][0]["type"] == "string"
