"""Spans over OTLP at a steady rate, from a process of its own, beside what is measured."""

import contextlib
import itertools
import multiprocessing
import time
from collections.abc import Generator
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event

import httpx

from bench.otlp_requests import SPANS, Requests
from tests.e2e.stack import Stack


def export(url: str, key: str, rate: int, end: Event, sent: "Synchronized[int]") -> None:
    """Send spans at a steady rate, so many a second, until told to end; a refused request comes again."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/x-protobuf"}
    made = Requests()
    began = time.monotonic()
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
        for number in itertools.count():
            if end.wait(max(0.0, began + number * SPANS / rate - time.monotonic())):
                return
            body = made.next()
            while (answer := client.post("/v1/traces", content=body)).status_code in {429, 503}:
                end.wait(float(answer.headers.get("retry-after", "1")))
            answer.raise_for_status()
            sent.value += SPANS


@contextlib.contextmanager
def exporting(stack: Stack, rate: int) -> Generator["Synchronized[int]"]:
    """Send spans to the stack until the block ends; gives the number of those that were acknowledged."""
    context = multiprocessing.get_context("spawn")
    end, sent = context.Event(), context.Value("q", 0)
    sender = context.Process(target=export, args=(stack.platform_url, stack.key, rate, end, sent))
    sender.start()
    try:
        yield sent
    finally:
        end.set()
        sender.join()
