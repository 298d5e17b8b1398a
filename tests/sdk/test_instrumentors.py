"""Instrumentations that are installed beside the app are found and switched on, each by itself."""

from pathlib import Path

import pytest

from tests.sdk.conftest import App, script
from tests.sdk.sent import sent

MODULE = """
from opentelemetry import trace
class Fine:
    is_instrumented_by_opentelemetry = False
    def instrument(self, tracer_provider):
        Fine.is_instrumented_by_opentelemetry = True
        with tracer_provider.get_tracer("theirs").start_as_current_span("instrumented"):
            pass
class Broken:
    def instrument(self, tracer_provider):
        raise RuntimeError("library is too old")
class Second:
    def instrument(self, tracer_provider):
        raise AssertionError("two for one library")
"""
POINTS = """[opentelemetry_instrumentor]
openai = opentelemetry_fine:Fine
anthropic = opentelemetry_fine:Broken
flask = opentelemetry_fine:Second
[openinference_instrumentor]
openai = z_second:Second
"""


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """A folder of packages with instrumentations, as a path for Python."""
    folder = tmp_path / "packages"
    info = folder / "fine-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    (folder / "opentelemetry_fine.py").write_text(MODULE)
    (folder / "z_second.py").write_text(MODULE)
    return str(folder)


async def test_those_for_models_are_switched_on_and_a_broken_one_is_left_out(platform: App, installed: str) -> None:
    text = "from pilothouse import sdk\nsdk.init()\nprint(sdk.instrument())\n"
    code, said = await platform.script(text, PYTHONPATH=installed)
    assert code == 0, said
    assert "('openai',)" in said
    assert "the instrumentation anthropic cannot be switched on: RuntimeError('library is too old')" in said
    assert [span.name for span in sent(platform.folder).spans] == ["instrumented"]


async def test_by_name_and_an_unknown_one_is_told(installed: str) -> None:
    text = "from pilothouse import sdk\nprint(sdk.instrument('openai', 'nope'))\n"
    code, said = await script(text, PYTHONPATH=installed)
    assert code == 0
    assert "no instrumentation is installed for nope" in said
    assert "('openai',)" in said
