"""The page of one large trace in Chromium: seconds until it can be used, frames while scrolling, heap; and its API.

`python -m bench.trace_page [--spans 30000] [--levels 130] [--pictures 6]`.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Status
from playwright.async_api import Page

from bench.report import Figure, machine, quantile, show
from tests.e2e import browser as browsers
from tests.e2e.conftest import first_person, signed_in
from tests.e2e.stack import Stack, running_stack, until

AREA = "trace_page"
REQUEST_SPANS = 1_000
PICTURE_BYTES = 750_000
"""A megabyte in base64."""
FRAMES = 150
_KINDS = ("invoke_agent", "chat", "execute_tool")
_SCROLL = """(frames) => new Promise((done) => {
  const box = document.querySelector("[role=tree]");
  const times = [];
  const step = box.scrollHeight / frames;
  let before = performance.now();
  const tick = () => {
    const now = performance.now();
    times.push(now - before);
    before = now;
    box.scrollTop += step;
    if (times.length < frames) requestAnimationFrame(tick); else done(times.slice(1));
  };
  requestAnimationFrame(tick);
})"""
_ROWS = "document.querySelectorAll('[role=treeitem]').length > 0"
_WHOLE = "document.querySelector('[role=tree]')?.getAttribute('aria-description') === argument"
_UNTIL = """(argument) => new Promise((done) => {
  const look = () => (%s) ? done(performance.now()) : requestAnimationFrame(look);
  look();
})"""


class Shape:
    """What the trace looks like."""

    def __init__(self, spans: int, levels: int, pictures: int) -> None:
        self.spans, self.levels, self.pictures = spans, levels, pictures
        self.trace_id = os.urandom(16)
        self.began_ns = time.time_ns() - 120 * 10**9
        self._random = random.Random(11)

    def requests(self) -> Iterator[bytes]:
        """Yield OTLP requests: a chain of all levels first, then spans that hang below random earlier ones."""
        ids = [number.to_bytes(8, "big") for number in range(1, self.spans + 1)]
        depths = [0]
        shallow = [0]
        group, request = _new_request()
        for number in range(self.spans):
            parent = number - 1 if 0 < number < self.levels else self._random.choice(shallow) if number else None
            if number:
                depths.append(depths[parent or 0] + 1)
                if depths[number] < self.levels - 1:
                    shallow.append(number)
            span = group.scope_spans[0].spans.add()
            span.trace_id, span.span_id = self.trace_id, ids[number]
            if parent is not None:
                span.parent_span_id = ids[parent]
            self._fill(span, number)
            if len(group.scope_spans[0].spans) == REQUEST_SPANS or number < self.pictures:
                yield request.SerializeToString()
                group, request = _new_request()
        if group.scope_spans[0].spans:
            yield request.SerializeToString()

    def _fill(self, span: Any, number: int) -> None:
        kind = _KINDS[number % 3]
        span.name = _name(number)
        begins_ns = self.began_ns + number * 3_000_000
        span.start_time_unix_nano = begins_ns
        span.end_time_unix_nano = begins_ns + self._random.randrange(10**6, 30 * 10**9)
        if number % 97 == 96:
            span.status.code = Status.StatusCode.STATUS_CODE_ERROR
            span.status.message = "the tool gave up"
        parts = [{"type": "text", "content": f"Question {number}: " + "harbour " * 60}]
        if number < self.pictures:
            data = base64.b64encode(_picture(self._random)).decode()
            parts.append({"type": "blob", "mime_type": "image/png", "content": data})
        texts = {
            "gen_ai.operation.name": kind, "gen_ai.request.model": "gpt-4o-mini", "gen_ai.provider.name": "openai",
            "gen_ai.input.messages": json.dumps([{"role": "user", "parts": parts}]),
        }  # fmt: skip
        for key, value in texts.items():
            one = span.attributes.add()
            one.key, one.value.string_value = key, value
        for key in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"):
            one = span.attributes.add()
            one.key, one.value.int_value = key, self._random.randrange(1, 500)


def _name(number: int) -> str:
    return f"{_KINDS[number % 3]} {('planner', 'gpt-4o-mini', 'search')[number % 3]} {number}"


def _picture(chance: random.Random) -> bytes:
    """Return bytes that begin as a PNG does and weigh what a photograph weighs."""
    return b"\x89PNG\r\n\x1a\n" + chance.randbytes(PICTURE_BYTES)


def _new_request() -> tuple[ResourceSpans, ExportTraceServiceRequest]:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.scope_spans.add()
    return group, request


async def _send(stack: Stack, shape: Shape) -> None:
    headers = {"authorization": f"Bearer {stack.key}", "content-type": "application/x-protobuf"}
    began = time.monotonic()
    async with httpx.AsyncClient(base_url=stack.platform_url, headers=headers, timeout=60, trust_env=False) as client:
        for body in shape.requests():
            answer = await client.post("/v1/traces", content=body)
            answer.raise_for_status()
    async with stack.api() as api:

        async def there() -> bool:
            found = await api.get(f"/traces/{shape.trace_id.hex()}/tree")
            return found.status_code == 200 and found.json()["summary"]["span_count"] == shape.spans

        await until(there, timeout_s=180, every_s=0.5)
    show(Figure(AREA, "sent_and_stored", round(time.monotonic() - began, 1), "s", n=shape.spans))


async def _api(stack: Stack, shape: Shape) -> None:
    trace_id = shape.trace_id.hex()
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(shape.began_ns // 10**9))
    async with stack.api() as api:

        async def timed(name: str, path: str, **query: str) -> dict[str, Any]:
            times: list[float] = []
            answer = await api.get(path, params={"at": at, **query})
            for _ in range(5):
                began = time.perf_counter()
                answer = await api.get(path, params={"at": at, **query})
                times.append(time.perf_counter() - began)
            answer.raise_for_status()
            note = f"{len(answer.content):,} bytes"
            show(Figure(AREA, f"api_{name}_p50", round(quantile(times, 0.5) * 1e3, 1), "ms", n=5, note=note))
            return answer.json()

        page = await timed("tree_first_page", f"/traces/{trace_id}/tree")
        await timed("tree_next_page", f"/traces/{trace_id}/tree", cursor=page["next_cursor"])
        await timed("span_with_picture", f"/traces/{trace_id}/spans/{page['spans'][0]['span_id']}")
        await timed("span", f"/traces/{trace_id}/spans/{page['spans'][-1]['span_id']}")
        await timed("search_rare", f"/traces/{trace_id}/matches", text=f"Question {shape.spans - 1}:")
        await timed("search_everywhere", f"/traces/{trace_id}/matches", text="harbour")


async def _heap(page: Page) -> None:
    used: float = await page.evaluate("() => { window.gc?.(); return performance.memory.usedJSHeapSize; }")
    show(Figure(AREA, "heap_after_gc", round(used / 1e6, 1), "MB"))
    nodes: int = await page.evaluate("document.querySelectorAll('*').length")
    show(Figure(AREA, "dom_elements", nodes, ""))


async def _picture_in_view(page: Page) -> None:
    """Print how soon a picture of a megabyte is drawn, and how much text the page holds then."""
    began = time.perf_counter()
    await page.get_by_role("tree").press("Home")
    await page.evaluate(_UNTIL % "document.querySelector('[role=tabpanel] img')?.src.startsWith('blob:')")
    show(Figure(AREA, "picture_drawn", round((time.perf_counter() - began) * 1e3), "ms"))
    length: int = await page.evaluate("document.documentElement.outerHTML.length")
    show(Figure(AREA, "page_text", round(length / 1e3), "kB", note="with that picture in view"))


async def _measured(page: Page, name: str, script: str, argument: Any = None) -> None:
    """Print when a condition first held, in seconds since the navigation began, by the page's own clock."""
    took_ms: float = await page.evaluate(_UNTIL % script, argument)
    show(Figure(AREA, name, round(took_ms / 1e3, 2), "s"))


async def _open(page: Page, address: str, shape: Shape, cold: str) -> None:
    await page.goto(address, wait_until="commit")
    await _measured(page, f"{cold}_first_rows", _ROWS)
    await page.get_by_role("treeitem").nth(3).click()
    await _measured(page, f"{cold}_first_click_answered", "new URL(location).searchParams.has('span')")
    await _measured(page, f"{cold}_whole", _WHOLE, f"{shape.spans:,} spans")


async def _use(page: Page, shape: Shape) -> None:
    frames: list[float] = await page.evaluate(_SCROLL, FRAMES)
    for share in (0.5, 0.95, 1.0):
        show(Figure(AREA, f"scroll_frame_p{int(share * 100)}", round(quantile(frames, share), 1), "ms", n=len(frames)))
    last = _name(shape.spans - 1)
    for name, key, script in (
        ("fold_all", "-", "document.querySelectorAll('[role=treeitem]').length === 1"),
        ("unfold_all", "=", "document.querySelectorAll('[role=treeitem]').length > 10"),
    ):
        began = time.perf_counter()
        await page.keyboard.press(key)
        await page.evaluate(_UNTIL % script)
        show(Figure(AREA, name, round((time.perf_counter() - began) * 1e3), "ms"))
    began = time.perf_counter()
    await page.get_by_role("searchbox", name="Search in this trace").fill(last)
    await page.evaluate(_UNTIL % "document.querySelector('label [role=status]')?.textContent.trim() === '1'")
    await page.keyboard.press("Enter")
    await page.get_by_role("treeitem", selected=True).filter(has_text=last).wait_for()
    show(Figure(AREA, "search_and_go", round((time.perf_counter() - began) * 1e3), "ms", note="200 ms of it a pause"))


async def run(folder: Path, shape: Shape) -> None:
    """Measure on a stack of its own."""
    async with running_stack(folder) as (stack, _):
        await first_person(stack)
        await _send(stack, shape)
        await _api(stack, shape)
        async with browsers.chromium("--enable-precise-memory-info", "--js-flags=--expose-gc") as chromium:
            state = await signed_in(chromium, stack.platform_url)
            address = f"{stack.platform_url}/traces/{shape.trace_id.hex()}"
            async with browsers.person(chromium, stack.platform_url, state) as one:
                await _open(one.page, address, shape, "cold")
                await _open(one.page, address, shape, "warm")
                await _use(one.page, shape)
                await _picture_in_view(one.page)
                await _heap(one.page)
                deep = shape.spans.to_bytes(8, "big").hex()
                await one.page.goto(f"{address}?span={deep}", wait_until="commit")
                await _measured(one.page, "deep_link_to_last_span", f"document.getElementById('span-{deep}') !== null")


def main() -> None:
    """Run the whole area."""
    parser = argparse.ArgumentParser(prog="bench.trace_page")
    parser.add_argument("--spans", type=int, default=30_000)
    parser.add_argument("--levels", type=int, default=130)
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    spans = 5_000 if asked.quick else asked.spans
    show(Figure(AREA, "machine", 0, "", note=machine()))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), Shape(spans, asked.levels, asked.pictures)))


if __name__ == "__main__":
    main()
