"""`/v1/files`: kept as they come, listed, read back, deleted, gone when their time is over."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilothouse.domain import access
from pilothouse.domain.access import KeyKind
from pilothouse.domain.clock import FakeClock
from pilothouse.domain.files import CHUNK_BYTES, File
from pilothouse.errors import BodyTooLarge, ClientDisconnected, InvalidRequest
from pilothouse.gateway.files.resources import FileResources
from pilothouse.gateway.files.upload import Keeping, Upload
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.kept_files import KeptFiles
from pilothouse.store.metadata.options import MetadataOptions
from tests.gateway.harness import Gateway, gateway

KEEPING = Keeping(max_bytes=5 * CHUNK_BYTES, keep_days=30)
DAY_NS = 86_400_000_000_000


@pytest.fixture
async def metadata(tmp_path: Path) -> AsyncIterator[Metadata]:
    opened = Metadata(MetadataOptions(url=f"sqlite:///{tmp_path}/metadata.db"))
    await opened.connect()
    await opened.migrate()
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def running(tmp_path: Path, metadata: Metadata, clock: FakeClock) -> AsyncIterator[Gateway]:
    files = FileResources(KeptFiles(metadata), clock, KEEPING)
    async with gateway(tmp_path, clock, rows=lambda _parts, _deferred: files.rows()) as up:
        yield up


async def send(
    client: httpx.AsyncClient, content: bytes = b"{}\n", name: str = "in.jsonl", **fields: str
) -> httpx.Response:
    fields.setdefault("purpose", "batch")
    return await client.post("/v1/files", data=fields, files={"file": (name, content)})


async def test_a_file_comes_back_as_it_was_sent(running: Gateway, clock: FakeClock) -> None:
    content = b"\r\n--x\x00" * 600_000  # three pieces, the last one short
    async with running.client() as client:
        made = (await send(client, content, "überall.jsonl")).json()
        assert made == {
            "id": made["id"], "object": "file", "bytes": len(content), "created_at": clock.now_ns() // 10**9,
            "expires_at": (clock.now_ns() + 30 * DAY_NS) // 10**9, "filename": "überall.jsonl", "purpose": "batch",
            "status": "processed", "status_details": None,
        }  # fmt: skip
        assert (await client.get(f"/v1/files/{made['id']}")).json() == made
        heard = await client.get(f"/v1/files/{made['id']}/content")
    assert heard.content == content
    assert heard.headers["content-length"] == str(len(content))
    assert "utf-8''%C3%BCberall.jsonl" in heard.headers["content-disposition"]


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])
async def test_sizes_around_a_piece(running: Gateway, size: int) -> None:
    content = bytes(index % 251 for index in range(size))
    async with running.client() as client:
        made = (await send(client, content)).json()
        assert made["bytes"] == size
        assert (await client.get(f"/v1/files/{made['id']}/content")).content == content


async def test_lists_have_pages_in_both_orders(running: Gateway, clock: FakeClock) -> None:
    async with running.client() as client:
        ids: list[str] = []
        for purpose in ("batch", "vision", "batch", "batch"):
            ids.append((await send(client, purpose=purpose)).json()["id"])
            clock.advance(1)
        whole = (await client.get("/v1/files")).json()
        assert [item["id"] for item in whole["data"]] == ids[::-1]
        assert (whole["has_more"], whole["first_id"], whole["last_id"]) == (False, ids[3], ids[0])
        first = (await client.get("/v1/files?limit=2&order=asc")).json()
        assert ([item["id"] for item in first["data"]], first["has_more"]) == (ids[:2], True)
        second = (await client.get(f"/v1/files?limit=2&order=asc&after={ids[1]}")).json()
        assert ([item["id"] for item in second["data"]], second["has_more"]) == (ids[2:], False)
        visions = (await client.get("/v1/files?purpose=vision")).json()
        assert [item["id"] for item in visions["data"]] == [ids[1]]
        assert (await client.get("/v1/files?limit=0")).status_code == 400
        assert (await client.get("/v1/files?order=up")).json()["error"]["param"] == "order"


async def test_a_deleted_file_is_gone_at_once_and_its_pieces_soon(running: Gateway, metadata: Metadata) -> None:
    store = KeptFiles(metadata)
    async with running.client() as client:
        file_id = (await send(client, b"x" * (2 * CHUNK_BYTES + 5))).json()["id"]
        assert (await client.delete(f"/v1/files/{file_id}")).json() == {
            "id": file_id, "object": "file", "deleted": True,
        }  # fmt: skip
        for path in (f"/v1/files/{file_id}", f"/v1/files/{file_id}/content"):
            refused = await client.get(path)
            assert (refused.status_code, refused.json()["error"]["param"]) == (404, "id")
        assert (await client.delete(f"/v1/files/{file_id}")).status_code == 404
    assert [await store.sweep(1, pieces=2) for _ in range(3)] == [True, True, False]
    assert await store.chunk(file_id, 0) is None


async def test_an_expired_file_is_gone(running: Gateway, metadata: Metadata, clock: FakeClock) -> None:
    store = KeptFiles(metadata)
    wanted = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    async with running.client() as client:
        short = (await send(client, **wanted)).json()
        kept = (await send(client, purpose="vision")).json()
        assert (short["expires_at"], kept["expires_at"]) == (clock.now_ns() // 10**9 + 3600, None)
        clock.advance(3601)
        assert (await client.get(f"/v1/files/{short['id']}")).status_code == 404
        assert [item["id"] for item in (await client.get("/v1/files")).json()["data"]] == [kept["id"]]
        await store.expire(clock.now_ns())
        assert [await store.sweep(1, pieces=9) for _ in range(2)] == [True, False]
        assert (await client.get(f"/v1/files/{kept['id']}/content")).content == b"{}\n"


async def test_files_of_another_project_are_unknown(running: Gateway) -> None:
    other = access.mint(KeyKind.VIRTUAL_KEY)
    running.keys.append(msgspec.structs.replace(running.key(other), id="other", project_id="other"))
    running.publish()
    async with running.client() as client:
        file_id = (await send(client)).json()["id"]
        client.headers["authorization"] = f"Bearer {other}"
        assert (await client.get(f"/v1/files/{file_id}")).status_code == 404
        assert (await client.get(f"/v1/files/{file_id}/content")).status_code == 404
        assert (await client.delete(f"/v1/files/{file_id}")).status_code == 404
        assert (await client.get("/v1/files")).json()["data"] == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"purpose": "fun"}, "purpose"),
        ({"expires_after[seconds]": "5"}, "expires_after[seconds]"),
        ({"expires_after[seconds]": "7200", "expires_after[anchor]": "last_use"}, "expires_after[anchor]"),
        ({"note": "x" * 5000}, "note"),
    ],
)
async def test_a_form_that_makes_no_sense_leaves_nothing(
    running: Gateway, metadata: Metadata, fields: dict[str, str], param: str
) -> None:
    async with running.client() as client:
        refused = await send(client, **fields)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
        assert (await client.get("/v1/files")).json()["data"] == []
    while await KeptFiles(metadata).sweep(1, pieces=9):
        pass
    assert await metadata.read(lambda tx: tx.files.sweep(2**62, 1)) is False


async def test_no_form_and_no_file(running: Gateway) -> None:
    async with running.client() as client:
        assert (await client.post("/v1/files", json={})).json()["error"]["param"] == "content-type"
        nothing = await client.post("/v1/files", files={"purpose": (None, "batch")})
        assert nothing.json()["error"]["param"] == "file"
        broken = {"content-type": "multipart/form-data; boundary=b"}
        assert (await client.post("/v1/files", content=b"--b\r\nnope", headers=broken)).status_code == 400


async def test_a_file_over_the_limit_is_refused(running: Gateway) -> None:
    async with running.client() as client:
        refused = await send(client, b"x" * (KEEPING.max_bytes + 1))
        assert (refused.status_code, refused.headers["x-pilothouse-error"]) == (413, "body_too_large")
        assert (await send(client, b"x" * KEEPING.max_bytes)).status_code == 200


async def test_without_its_database_only_the_files_are_away(running: Gateway, metadata: Metadata) -> None:
    await metadata.close()
    async with running.client() as client:
        refused = await send(client)
        assert (refused.status_code, refused.headers["x-pilothouse-error"]) == (503, "metadata_unavailable")
        assert (await client.get("/v1/files")).status_code == 503
        assert (await client.get("/v1/models")).status_code == 200


async def test_a_database_without_our_tables_is_away(tmp_path: Path) -> None:
    opened = Metadata(MetadataOptions(url=f"sqlite:///{tmp_path}/empty.db"))
    await opened.connect()
    files = FileResources(KeptFiles(opened), FakeClock(), KEEPING)
    async with gateway(tmp_path, rows=lambda _parts, _deferred: files.rows()) as up, up.client() as client:
        assert (await client.get("/v1/files")).json()["error"]["code"] == "metadata_unavailable"
    await opened.close()


class Shelf:
    """A store in memory."""

    def __init__(self) -> None:
        self.content: dict[str, list[bytes]] = {}
        self.hidden: list[str] = []
        self.done: list[File] = []

    async def begin(self, file: File) -> None:
        self.content[file.id] = []

    async def append(self, file_id: str, n: int, data: bytes, now_ns: int) -> None:
        assert n == len(self.content[file_id])
        self.content[file_id].append(data)

    async def complete(self, file: File) -> None:
        self.done.append(file)

    async def hide(self, file_id: str) -> None:
        self.hidden.append(file_id)


def form(content: bytes, mark: bytes) -> bytes:
    parts = [
        b'--%s\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n' % mark,
        b'--%s\r\nContent-Disposition: form-data; name="file"; filename="a/b.txt"\r\n\r\n%s\r\n' % (mark, content),
        b"--%s--\r\n" % mark,
    ]
    return b"".join(parts)


def upload(shelf: Shelf, body: bytes, cuts: list[int], *, gone: bool = False) -> File:
    async def pieces() -> AsyncIterator[bytes]:
        last = 0
        for cut in [*sorted(cut for cut in cuts if cut < len(body)), len(body)]:
            yield body[last:cut]
            last = cut
        if gone:
            raise ClientDisconnected("gone")

    async def run() -> File:
        started = Upload(shelf, FakeClock(), KEEPING, File("f", "p", "k", "", "", 0, 1))  # type: ignore[arg-type]
        return await started.take(b"multipart/form-data; boundary=mark", pieces())

    return asyncio.run(run())


@given(
    st.lists(st.sampled_from([b"\r\n--mark", b"--mark--", b"\r\n", b"-", b"a", b"\x00"])).map(b"|".join),
    st.lists(st.integers(0, 400)),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_cut_of_the_form_gives_the_same_file(content: bytes, cuts: list[int]) -> None:
    content = content.replace(b"\r\n--mark", b"\r\n--mars")  # the boundary itself may not be in the content
    shelf = Shelf()
    file = upload(shelf, form(content, b"mark"), cuts)
    assert b"".join(shelf.content["f"]) == content
    assert (file.name, file.size_bytes, shelf.done, shelf.hidden) == ("b.txt", len(content), [file], [])


@pytest.mark.parametrize(
    ("body", "gone", "kind"),
    [
        (form(b"x", b"mark")[:-12], False, InvalidRequest),
        (form(b"x", b"mark")[:-12], True, ClientDisconnected),
        (form(b"x" * (KEEPING.max_bytes + 1), b"mark"), False, BodyTooLarge),
    ],
)
def test_what_stops_halfway_is_forgotten(body: bytes, gone: bool, kind: type[Exception]) -> None:
    shelf = Shelf()
    with pytest.raises(kind):
        upload(shelf, body, [], gone=gone)
    assert (shelf.hidden, shelf.done) == (["f"], [])
