"""A double of the platform API on loopback, and the command line as a process of its own."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class Platform:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        platform = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                path, _, query = self.path.partition("?")
                headers = {name.lower(): value for name, value in self.headers.items()}
                platform.asked.append((self.command, self.path, headers, body))
                status, value = platform.answers.get(
                    (self.command, path), (404, {"code": "not_found", "detail": "gone"})
                )
                content = value(query) if callable(value) else value
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def do_DELETE(self) -> None:
                self.answer()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def platform() -> Iterator[Platform]:
    double = Platform()
    yield double
    double.close()


class Cli:
    """Runs `pilothouse` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PILOTHOUSE_")}
        return subprocess.run(
            [sys.executable, "-m", "pilothouse.cli.main", *arguments],
            capture_output=True, text=True, check=False, cwd=self.folder, env={**clean, **self.environment},
        )  # fmt: skip


@pytest.fixture
def cli(tmp_path: Path, platform: Platform) -> Cli:
    one = Cli(tmp_path)
    one.environment["PILOTHOUSE_URL"] = platform.url
    return one
