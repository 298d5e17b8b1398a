"""Switching on and off."""

import atexit
import logging
from typing import Final
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from pilothouse.sdk import environment as variables
from pilothouse.sdk.attributes import ENVIRONMENT, RELEASE
from pilothouse.sdk.outbox import EXIT_S, Outbox
from pilothouse.sdk.process import PROCESS
from pilothouse.sdk.processor import QueueingProcessor
from pilothouse.sdk.sending import Wire

URL: Final = "http://127.0.0.1:4100"
"""Where `pilothouse up` listens."""
_log = logging.getLogger("pilothouse.sdk")


def init(
    url: str | None = None,
    key: str | None = None,
    *,
    service: str | None = None,
    environment: str | None = None,
    release: str | None = None,
    sample: float = 1.0,
) -> bool:
    """Switch tracing on for this process; returns whether it is on. Never raises, and does not connect.

    `url` is the platform's address, else `PILOTHOUSE_URL`, else this machine's. `key` is a virtual key with the
    permission `ingest`, else `PILOTHOUSE_KEY`; without one nothing is sent, and a warning says so. `sample` is the
    share of traces to send, 0 to 1. Where the app has a provider of OpenTelemetry's already, that one is joined and
    stays in charge of its resource and its sampling.
    """
    address, secret = url or variables.url() or URL, key or variables.key()
    with PROCESS.lock:
        if PROCESS.outbox is not None:
            _log.warning("tracing is on already; this init() changes nothing")
            return True
        refusal = _refusal(address, secret)
        if refusal:
            _log.warning("tracing is off: %s", refusal)
            return False
        if not 0 <= sample <= 1:
            _log.warning("sample is %r and should be between 0 and 1; all traces are sent", sample)
            sample = 1.0
        outbox = Outbox(Wire(address, secret))
        if not _connect(outbox, sample, {ENVIRONMENT: environment, RELEASE: release, "service.name": service}):
            return False
        PROCESS.outbox = outbox
        atexit.register(outbox.close)
    return True


def shutdown(timeout_s: float = EXIT_S) -> None:
    """Send what is queued, wait no longer than that, and switch tracing off; the end of a process does it by itself."""
    with PROCESS.lock:
        outbox = PROCESS.outbox
        if outbox is not None:
            outbox.close(timeout_s)
            atexit.unregister(outbox.close)
            PROCESS.lost_before, PROCESS.outbox = PROCESS.dropped, None


def flush(timeout_s: float = EXIT_S) -> bool:
    """Wait until what is queued was sent; False when the time was not enough."""
    outbox = PROCESS.outbox
    return outbox is None or outbox.flush(timeout_s)


def dropped() -> int:
    """Return how many spans and scores were lost since the process began; 0 is what it should be."""
    return PROCESS.dropped


def _refusal(url: str, key: str) -> str:
    if not key:
        return "there is no key; set PILOTHOUSE_KEY, or say init(key=…)"
    if not (key.isascii() and key.isprintable()) or " " in key:
        return "the key has characters that no key has"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    return "" if usable else f"{url!r} is no address; it should look like {URL}"


def _connect(outbox: Outbox, sample: float, said: dict[str, str | None]) -> bool:
    told = {name: value for name, value in said.items() if value}
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        told.pop("service.name", None)
        return _join(QueueingProcessor(outbox, sample, told))
    names = {ENVIRONMENT: "deployment.environment.name", RELEASE: "service.version"}
    resource = Resource.create({names.get(name, name): value for name, value in told.items()})
    provider = TracerProvider(ParentBased(TraceIdRatioBased(sample)), resource)
    provider.add_span_processor(QueueingProcessor(outbox, 1.0, {}))
    trace.set_tracer_provider(provider)
    return True


def _join(processor: QueueingProcessor) -> bool:
    add = getattr(trace.get_tracer_provider(), "add_span_processor", None)
    if not callable(add):
        _log.warning("tracing is off: the app's provider of OpenTelemetry takes no further span processor")
        return False
    add(processor)
    return True
