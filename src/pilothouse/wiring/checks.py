"""What can be told about an installation from outside its processes; each check says how to mend what it found."""

import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec

from pilothouse.errors import LocalModelUnavailable, PilothouseError
from pilothouse.providers import local
from pilothouse.settings import Settings, masked
from pilothouse.wiring import addresses, grpc_check, ports
from pilothouse.wiring.data_folder import FORMAT, LOW_DISK_BYTES, Layout
from pilothouse.wiring.findings import Finding, State
from pilothouse.wiring.probes import Readiness
from pilothouse.wiring.spools import depths

_ANSWER_S = 3.0
_PROBE_S = 15.0
_OLD_RECORD_S = 60.0
_SKEW_S = 30.0


class _Part(msgspec.Struct):
    name: str
    ok: bool
    detail: str = ""


class _Ready(msgspec.Struct):
    ready: bool
    parts: list[_Part]


class _GatewayReady(msgspec.Struct):
    status: str
    parts: dict[str, str] = {}


class _ProviderPage(msgspec.Struct):
    items: list[dict[str, Any]]


class _Probe(msgspec.Struct):
    ok: bool
    latency_ms: float
    models: list[str] = []
    error: dict[str, str] | None = None


def run(settings: Settings, *, probe: bool) -> Iterator[Finding]:
    """Yield one finding after another; `probe` also calls every provider account for real. Blocks."""
    layout = Layout(settings.data.absolute())
    yield from _data_folder(layout)
    yield _disk(layout)
    yield _clock(layout)
    with httpx.Client(timeout=_ANSWER_S, trust_env=False) as client:
        yield _gateway(settings, client)
        yield from _platform(settings, client)
        yield _ingest(layout, client)
        yield grpc_check.check(settings.otlp)
        yield _store(settings, layout, client)
    yield from _spools(layout)
    yield _local_model(settings)
    yield from _providers(settings, layout, probe=probe)


def _data_folder(layout: Layout) -> Iterator[Finding]:
    root = layout.root
    if not root.exists():
        yield Finding("data folder", State.SKIPPED, f"{root} does not exist yet", "`pilothouse up` creates it")
        return
    if not os.access(root, os.W_OK | os.X_OK):
        yield Finding(
            "data folder", State.FAILED, f"{root} cannot be written", f"give this user write access to {root}"
        )
        return
    if root.stat().st_mode & 0o077:
        yield Finding("data folder", State.WARNING, f"{root} can be read by other users", f"chmod 700 {root}")
    found = layout.format_version.read_text().strip() if layout.format_version.exists() else "none"
    if found not in {"none", str(FORMAT)}:
        yield Finding(
            "data folder", State.FAILED, f"{root} has format {found}, this version writes {FORMAT}",
            "install the version that wrote it, or choose another folder with PILOTHOUSE_DATA",
        )  # fmt: skip
        return
    yield Finding("data folder", State.OK, f"{root}, format {found}")


def _disk(layout: Layout) -> Finding:
    place = next(path for path in (layout.root, *layout.root.parents) if path.exists())
    free = shutil.disk_usage(place).free
    text = f"{free / (1 << 30):.1f} GiB free at {place}"
    if free < LOW_DISK_BYTES:
        return Finding("disk", State.WARNING, text, "free some space: traces stop being kept when the disk is full")
    return Finding("disk", State.OK, text)


def _clock(layout: Layout) -> Finding:
    newest = max((path.stat().st_mtime for path in layout.root.glob("*")), default=0.0)
    if newest > time.time() + _SKEW_S:
        text = f"files of the data folder lie {newest - time.time():.0f} s in the future: the clock was set back"
        return Finding("clock", State.WARNING, text, "let the machine synchronise its time (NTP)")
    return Finding("clock", State.OK, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))


def _gateway(settings: Settings, client: httpx.Client) -> Finding:
    options = settings.gateway
    answer = _ask(client, ports.url(options.host, options.port, "/readyz"), _GatewayReady)
    if isinstance(answer, _GatewayReady):
        broken = [f"{name}: {why}" for name, why in answer.parts.items() if why != "ok"]
        if broken:
            return Finding("gateway", State.FAILED, "; ".join(broken), "see its log in the data folder")
        return Finding("gateway", State.OK, f"answers on port {options.port}")
    return ports.silent("gateway", options.port, "PILOTHOUSE_GATEWAY_PORT")


def _platform(settings: Settings, client: httpx.Client) -> Iterator[Finding]:
    options = settings.server
    answer = _ask(client, ports.url(options.host, options.port, "/readyz"), _Ready)
    if not isinstance(answer, _Ready):
        yield ports.silent("platform", options.port, "PILOTHOUSE_PLATFORM_PORT")
        return
    yield Finding("platform", State.OK, f"answers on port {options.port}")
    for part in answer.parts:
        if part.name == addresses.INGEST:
            continue  # it is asked itself
        state = State.OK if part.ok else State.FAILED
        yield Finding(f"platform: {part.name}", state, part.detail or "ok", "" if part.ok else "see its log")


def _ingest(layout: Layout, client: httpx.Client) -> Finding:
    address = addresses.find(layout, addresses.INGEST)
    if address is None:
        return Finding("ingest", State.SKIPPED, "has no process of its own", "it is a part of the platform")
    answer = _ask(client, f"{address.url}/readyz", Readiness)
    if not isinstance(answer, Readiness):
        return Finding("ingest", State.SKIPPED, "its process does not run", "start it with `pilothouse up`")
    if not answer.ready:
        return Finding("ingest", State.FAILED, answer.detail, "see its log in the data folder")
    return Finding("ingest", State.OK, f"answers on port {address.port}")


def _store(settings: Settings, layout: Layout, client: httpx.Client) -> Finding:
    if settings.telemetry.url:
        shown = masked("telemetry.url", settings.telemetry.url)
        if _pings(client, settings.telemetry.url.replace("clickhouse://", "http://", 1)):
            return Finding("store", State.OK, f"{shown} answers")
        return Finding("store", State.FAILED, f"{shown} does not answer", "check that the server runs and the address")
    address = addresses.find(layout, addresses.STORE)
    if address is None:
        return Finding("store", State.SKIPPED, "the embedded store was never started", "`pilothouse up` starts it")
    if _pings(client, address.url):
        return Finding("store", State.OK, f"the embedded store answers on port {address.port}")
    return Finding("store", State.SKIPPED, "the embedded store does not run", "`pilothouse up` starts it")


def _spools(layout: Layout) -> Iterator[Finding]:
    for depth in depths(layout.spool):
        text = f"{depth.records} records, {depth.size_bytes / 1e6:.1f} MB wait"
        if depth.oldest_age_s is not None and depth.oldest_age_s > _OLD_RECORD_S:
            mend = "start the store and the platform: ingest goes on where it stopped"
            yield Finding(f"spool {depth.writer}", State.WARNING, f"{text}, up to {depth.oldest_age_s:.0f} s", mend)
        else:
            yield Finding(f"spool {depth.writer}", State.OK, text)


def _local_model(settings: Settings) -> Finding:
    if not settings.local_model.enabled:
        return Finding("local model", State.SKIPPED, "switched off by local_model.enabled")
    try:
        path = local.weights()
    except LocalModelUnavailable as error:
        return Finding("local model", State.WARNING, error.detail, "`pilothouse models install`")
    return Finding("local model", State.OK, path.name)


def _providers(settings: Settings, layout: Layout, *, probe: bool) -> Iterator[Finding]:
    for name, secret in (("openai", settings.openai_api_key), ("anthropic", settings.anthropic_api_key)):
        yield Finding(f"key {name}", State.OK if secret else State.SKIPPED, "set" if secret else "not set")
    if not probe:
        yield Finding(
            "provider accounts", State.SKIPPED, "not called", "`pilothouse doctor --probe` calls each of them"
        )
        return
    try:
        yield from _probe_accounts(settings, layout)
    except (httpx.HTTPError, msgspec.MsgspecError, OSError, PilothouseError) as error:
        yield Finding("provider accounts", State.SKIPPED, f"cannot be called: {error}", "start `pilothouse up` first")


def _probe_accounts(settings: Settings, layout: Layout) -> Iterator[Finding]:
    headers = {"Authorization": f"Bearer {layout.local_token.read_text().strip()}"}
    base = ports.url(settings.server.host, settings.server.port, "/api/v1")
    with httpx.Client(base_url=base, headers=headers, timeout=_PROBE_S, trust_env=False) as client:
        page = msgspec.json.decode(client.get("/providers").raise_for_status().content, type=_ProviderPage)
        for account in page.items:
            answer = client.post(f"/providers/{account['id']}/test").raise_for_status()
            found = msgspec.json.decode(answer.content, type=_Probe)
            name = f"account {account['name']}"
            if found.ok:
                yield Finding(name, State.OK, f"answers in {found.latency_ms:.0f} ms, {len(found.models)} models")
            else:
                error = found.error or {}
                detail = f"[{error.get('code', '')}] {error.get('detail', 'refused')}"
                yield Finding(name, State.FAILED, detail, "correct the account in the web UI")


def _ask(client: httpx.Client, url: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(client.get(url).content, type=kind)
    except (httpx.HTTPError, msgspec.MsgspecError):
        return None


def _pings(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url.rstrip('/')}/ping").status_code == 200
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
