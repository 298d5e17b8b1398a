"""Files of comma-separated values become datasets, and what is wrong with one is told by its line."""

from typing import Any

import pytest

from pilothouse.compat.langsmith.csv_files import Columns, examples_of
from pilothouse.domain.access import Permission
from pilothouse.errors import InvalidRequest
from pilothouse.registry.datasets import MOST_ITEMS
from tests.compat.test_langsmith_http import BOUNDARY, FORM, sdk
from tests.server.harness import Client, Running

TABLE = b"q,a,k\none,1,x\ntwo,2,y\n"
COLUMNS = [("input_keys", "q"), ("output_keys", "a")]


def form(data: bytes | None, said: list[tuple[str, str]], filename: str = "qa.csv") -> bytes:
    """Return a form as SDKs write it: what is said of a file, then the file."""
    found = b""
    for name, value in said:
        found += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    if data is not None:
        found += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'.encode()
        found += b"Content-Type: text/csv\r\n\r\n" + data + b"\r\n"
    return found + f"--{BOUNDARY}--\r\n".encode()


async def upload(
    client: Client, data: bytes | None, said: list[tuple[str, str]], place: str = "/datasets/upload"
) -> Any:
    return await client.post(place, content=form(data, said), headers=FORM)


async def test_rows_are_added_to_a_dataset_with_their_metadata(run: Running) -> None:
    client = await sdk(run, Permission.READ, Permission.WRITE)
    schema = ("inputs_schema_definition", '{"type": "object", "required": ["q"]}')
    made = (await upload(client, TABLE, [*COLUMNS, ("metadata_keys", "k"), schema])).json()
    assert (made["name"], made["example_count"], made["inputs_schema_definition"]["required"]) == ("qa.csv", 2, ["q"])
    place = f"/examples/upload/{made['id']}"
    added = (await upload(client, TABLE, COLUMNS, place)).json()
    assert [(one["inputs"], one["metadata"]) for one in added] == [({"q": "one"}, None), ({"q": "two"}, None)]
    wrong = await upload(client, b"r,a\n1,2\n", [("input_keys", "r"), ("output_keys", "a")], place)
    assert (wrong.status_code, "schema of input" in wrong.json()["detail"]) == (400, True)
    held = (await client.get("/examples", params={"dataset": made["id"]})).json()
    assert sorted(str(one["metadata"]) for one in held) == ["None", "None", "{'k': 'x'}", "{'k': 'y'}"]
    assert len((await client.get(f"/datasets/{made['id']}/versions")).json()) == 2


async def test_what_cannot_become_a_dataset_leaves_none(run: Running) -> None:
    client = await sdk(run, Permission.READ, Permission.WRITE)
    schema = ("inputs_schema_definition", '{"type": "object", "required": ["z"]}')
    wrong: list[tuple[bytes | None, list[tuple[str, str]], str]] = [
        (None, COLUMNS, "`file`"), (TABLE, [("output_keys", "a")], "`input_keys`"),
        (TABLE, [*COLUMNS, ("data_type", "cube")], "`data_type`"), (TABLE, [*COLUMNS, ("id", "1")], "UUID"),
        (TABLE, [*COLUMNS, ("input_key_mappings", "{}")], "input_key_mappings"), (TABLE, [*COLUMNS, schema], "item 0"),
        (TABLE, [*COLUMNS, ("outputs_schema_definition", "{")], "valid JSON"),
        (TABLE, [("input_keys", "none")], "no column 'none', but 'q', 'a', 'k'"),
        (TABLE[:-3], COLUMNS, "line 3 of the file: it has 2 cells"),
    ]  # fmt: skip
    for data, said, told in wrong:
        answer = await upload(client, data, said)
        assert (answer.status_code, told in answer.json()["detail"]) == (400, True), answer.text
    assert (await client.post("/datasets/upload", json={})).status_code == 400
    assert (await client.get("/datasets")).json() == []
    nobody = await upload(await sdk(run, Permission.READ, Permission.INGEST), TABLE, COLUMNS)
    assert nobody.status_code == 403
    assert (await upload(client, TABLE, COLUMNS)).status_code == 200
    taken = await upload(client, TABLE, COLUMNS)
    assert (taken.status_code, taken.json()) == (409, {"detail": "a dataset 'qa.csv' exists already"})
    missing = "/examples/upload/01937f5e-0000-7000-8000-000000000001"
    assert (await upload(client, TABLE, COLUMNS, missing)).status_code == 404


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "line 1 of the file: it has no column 'q', but none"),
        (b"q\n", "the file has no row below the names of its columns"),
        (b"q,q\n1,2\n", "line 1 of the file: it has more than one column 'q', but 'q', 'q'"),
        (b"q\n1\n\xff\n", "line 3 of the file: it is not UTF-8"),
        (b'q\n"a\nb"\n"c"d\n', "line 4 of the file: it cannot be read as CSV: ',' expected after '\"'"),
        (b'q\n1\n"2\n\n', "line 3 of the file: it cannot be read as CSV: unexpected end of data"),
        (b"q\n\n\n1,2\n", "line 4 of the file: it has 2 cells, and the first line has 1"),
        (b"q\n" + b"x" * 131_073,
         "line 2 of the file: it cannot be read as CSV: field larger than field limit (131072)"),
        (b'q\n"[1"\n', "line 2 of the file: a cell begins as JSON, and is none: Input data was truncated"),
        (
            b"q\n" + b"x\n" * (MOST_ITEMS + 1),
            "line 10002 of the file: a file has at most 10000 rows; add others to the dataset in another request",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told_by_its_line(data: bytes, told: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        examples_of(data, Columns(["q"]), chat=True)
    assert raised.value.detail == told


def test_a_file_may_have_as_many_rows_as_a_change_and_any_ends_of_lines() -> None:
    assert len(examples_of(b"q\n" + b"x\n" * MOST_ITEMS, Columns(["q"]), chat=False)) == MOST_ITEMS
    for end in (b"\n", b"\r\n", b"\r"):
        (row,) = examples_of(end.join((b"q,a", b'[1],"x ""y"""')), Columns(["q"], ["a"]), chat=False)
        assert (row.input, row.expected_output) == ({"q": "[1]"}, {"a": 'x "y"'})
