"""The committed OpenAPI document is the one that the code gives."""

import json
from pathlib import Path

from pilothouse.server import openapi
from tests.server.harness import Running

COMMITTED = Path(__file__).parents[2] / "schemas" / "openapi.json"


def test_the_committed_document_is_current() -> None:
    assert openapi.document() == COMMITTED.read_bytes(), (
        "run: python -m pilothouse.server.openapi > schemas/openapi.json"
    )


async def test_the_server_gives_the_same_document(run: Running) -> None:
    answer = await run.client().get("/schema/openapi.json")
    assert answer.content == COMMITTED.read_bytes()
    assert answer.headers["content-type"] == "application/json"


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
