"""One gateway for all the SDKs' tests of a module, and the processes in which SDKs of other environments run."""

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio

from tests.gateway.harness import Gateway, gateway
from tests.sdks.callers import PICTURE, SCHEMA, TOOLS
from tests.sdks.outside import ROOT, Program

PROVIDERS: dict[str, tuple[str, str]] = {
    "openai": ("/v1", "sk-provider"),
    "openai_compatible": ("/v1", "sk-provider"),
    "anthropic": ("/v1", "sk-provider"),
    "gemini": ("/v1beta", "sk-provider"),
    "bedrock": ("", "AKIDPROVIDER:SECRET"),
    "cohere": ("", "sk-provider"),
    "mistral": ("/mistral/v1", "sk-provider"),
}
"""Kinds of provider: the path of the base URL and the secret of an account, which has the kind's name."""
_GIVEN = json.dumps({"tools": TOOLS, "schema": SCHEMA, "picture": PICTURE})
_NODE = "tests/sdks/node"
COMMANDS: dict[str, tuple[str, list[str]]] = {
    **{name: (f".venv/{name}/bin/python", [f".venv/{name}/bin/python", "-m", "tests.sdks.relay"])
       for name in ("sdks", "sdks-previous", "sdks-older")},
    **{name: (f"{_NODE}/node_modules/ai/package.json", [".venv/node/node", f"{_NODE}/relay.mjs", _GIVEN, *older])
       for name, older in (("node", []), ("node-previous", ["6"]))},
}  # fmt: skip
"""By environment: a file that shows that it is there, and what runs its relay."""

Programs = Callable[[str], Program]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """Run a gateway with an account at each kind of provider."""
    async with gateway(tmp_path_factory.mktemp("gateway")) as running:
        for kind, (path, secret) in PROVIDERS.items():
            sealed = running.box.seal(secret, f"account:{kind}", b"1" * 12)
            running.accounts.append(
                running.account(kind, running.fake.url + path, provider=kind, models=("m",), sealed_secret=sealed)
            )
        running.publish()
        yield running


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Give the process of an environment, started when it is first asked for."""
    started: dict[str, Program] = {}

    def program(environment: str) -> Program:
        if environment not in started or started[environment].ended:
            shown, command = COMMANDS[environment]
            if not (ROOT / shown).exists():
                (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{shown} is missing; `make test` installs it")
            started[environment] = Program(command, tmp_path_factory.mktemp(environment))
        return started[environment]

    yield program
    for running in started.values():
        running.end()
