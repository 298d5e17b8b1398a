"""What the pages tell people to type works: every marked block runs against a real installation."""

import asyncio
import sys
from pathlib import Path

import pytest

from pilothouse.providers.fake import FakeProvider
from tests.docs.pages import PAGES, ROOT, Block, blocks
from tests.e2e.stack import Stack, running_stack

EXAMPLES = [page for page in PAGES if any(block.runs for block in blocks(page))]
BANNER = [
    line.strip().partition("  ")[0]
    for block in blocks(ROOT / "README.md")
    if block.text.startswith("Pilothouse is up")
    for line in block.text.splitlines()[1:]
]
"""What the README says that a first start prints, the values left out."""
PAGE_S = 120.0
_PROGRAMS = {
    ("python", ""): "python3",
    ("python", "sdks"): f"{ROOT}/.venv/sdks/bin/python",
    ("python", "sdks-previous"): f"{ROOT}/.venv/sdks-previous/bin/python",
    ("python", "sdks-older"): f"{ROOT}/.venv/sdks-older/bin/python",
    ("js", "node"): f"cd {ROOT}/tests/sdks/node && {ROOT}/.venv/node/node --input-type=module",
}
"""What runs a block that is no shell's, by language and environment; `make test` installs them."""
_END = "END_OF_THE_EXAMPLE"
_PREAMBLE = """set -euo pipefail
curl() { command curl --fail-with-body --silent --show-error --max-time 20 "$@"; }
"""


def script(page: Path, stack: Stack) -> str:
    """Return the page's marked blocks as one script, in which variables carry over from block to block."""
    lines = [_PREAMBLE]
    for block in blocks(page):
        if block.runs:
            lines += [f"echo '== {page.parent.name}/{page.name}, line {block.line}'", _command(block)]
    text = "\n".join(lines)
    for port, url in (("4000", stack.gateway_url), ("4100", stack.platform_url)):
        text = text.replace(f"http://127.0.0.1:{port}", url)
    return text


def _command(block: Block) -> str:
    if block.language == "bash":
        return block.text
    return f"({_PROGRAMS[block.language, block.environment]} - <<'{_END}'\n{block.text}{_END}\n)"


async def run(page: Path, stack: Stack, folder: Path) -> str:
    """Run a page's script in a folder; returns its output when it failed, else nothing."""
    environment = {
        **stack.environment,
        "PATH": f"{Path(sys.executable).parent}:{stack.environment['PATH']}",
        "APP_KEY": stack.key,
        "NO_PROXY": "127.0.0.1",
        "TMPDIR": str(folder),
    }
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script(page, stack),
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PAGE_S):
        output, _ = await process.communicate()
    return "" if process.returncode == 0 else output.decode(errors="replace")


async def prepare(stack: Stack, fake: FakeProvider) -> None:
    """Make what the pages take for given: a model behind `default`, and an account `lab` to lead routes to."""
    await stack.add_account("lab", fake.base_url)
    async with stack.api() as api:
        target = {"account": "up", "model": "fake-chat"}
        for route in ("default", "gpt-5-mini"):
            assert (await api.put(f"/routes/{route}", json={"targets": [target]})).status_code == 200
    async with asyncio.timeout(5), stack.gateway() as gateway:
        served = ""
        while '"default"' not in served or '"gpt-5-mini"' not in served:
            await asyncio.sleep(0.05)
            served = (await gateway.get("/v1/models")).text


@pytest.mark.timeout(300)
async def test_every_marked_example_runs(tmp_path: Path) -> None:
    assert len(EXAMPLES) > 5
    async with running_stack(tmp_path) as (stack, fake):
        said = stack.log.read_text()
        await prepare(stack, fake)
        failed = [await run(page, stack, tmp_path) for page in EXAMPLES]
        called = fake.hits_by_path["/v1/chat/completions"]
    assert not any(failed), "\n\n".join(output for output in failed if output)
    assert called >= 7, "the examples did not reach the provider"
    assert BANNER
    assert [label for label in BANNER if f"  {label}  " not in said] == [], "the start says it in other words"


async def test_an_example_that_fails_is_told(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash run\necho fine\n```\n\n```bash run\ncurl http://127.0.0.1:4000/v1/models\n```\n")
    output = await run(page, Stack(tmp_path), tmp_path)
    assert "page.md, line 5" in output
    assert "curl" in output
