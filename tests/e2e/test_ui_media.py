"""Files beside a run: a picture is seen, a sound can be played, anything is saved under its name."""

import asyncio
import json
import struct
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from tests.e2e.browser import Person
from tests.e2e.conftest import House

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

RUN = "0199aaaa-0000-7000-8000-0000000000e7"
EDGE = "e2e-edge"


def picture(side: int) -> bytes:
    """Return a red square as PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = (b"\x00" + b"\xcc\x22\x22" * side) * side
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def form(parts: list[tuple[str, str, bytes]]) -> bytes:
    """Return the body of a form."""
    found = b""
    for name, kind, data in parts:
        head = f'--{EDGE}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {kind}\r\n\r\n'
        found += head.encode() + data + b"\r\n"
    return found + f"--{EDGE}--\r\n".encode()


async def test_files_beside_a_run_are_seen_and_saved(house: House, ada: Person) -> None:
    project = await house.project("Files")
    secret = await project.create_key("tracing", permissions=["ingest"])
    began = datetime.now(UTC) - timedelta(seconds=2)
    run: dict[str, Any] = {
        "id": RUN, "trace_id": RUN, "name": "look", "run_type": "chain", "start_time": began.isoformat(),
        "end_time": (began + timedelta(seconds=1)).isoformat(),
        "dotted_order": f"{began:%Y%m%dT%H%M%S%f}Z{RUN}", "inputs": {"q": "what?"},
    }  # fmt: skip
    square, sound = picture(64), b"RIFF" + bytes(40)
    body = form([
        (f"post.{RUN}", "application/json", json.dumps(run).encode()),
        (f"attachment.{RUN}.square", "image/png", square), (f"attachment.{RUN}.horn.wav", "audio/wav", sound),
        (f"attachment.{RUN}.page.html", "text/html", b"<script>document.title = 'run'</script>"),
    ])  # fmt: skip
    headers = {"x-api-key": secret, "content-type": f"multipart/form-data; boundary={EDGE}"}
    async with httpx.AsyncClient(base_url=house.stack.platform_url, trust_env=False) as client:
        answer = await client.post("/langsmith/runs/multipart", content=body, headers=headers)
    assert answer.status_code == 202, answer.text
    (trace,) = await project.kept(1)
    await ada.open(f"/traces/{trace['trace_id']}", project=project.id)
    await ada.page.get_by_role("tab", name="Media 3").click()
    media = ada.page.get_by_role("list", name="Media").get_by_role("listitem")
    await expect(media).to_have_count(3)
    seen = ada.page.get_by_role("img", name="square.png")
    await expect(seen).to_be_visible()
    await expect(seen).to_have_js_property("naturalWidth", 64)
    await expect(media.filter(has_text="horn.wav").locator("audio")).to_be_visible()
    page = media.filter(has_text="page.html")
    await expect(page).to_contain_text("attachment, text/html")
    async with asyncio.timeout(10), ada.page.expect_download() as waiting:
        await page.get_by_role("link", name="Download").click()
    assert (await waiting.value).suggested_filename == "page.html"
    await ada.shot("trace-media")
