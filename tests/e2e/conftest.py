"""What the tests of the whole product share: one running stack, one browser, and people and projects on them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from pilothouse.providers.fake import FakeProvider
from tests.e2e import browser as browsers
from tests.e2e.browser import Person
from tests.e2e.stack import Stack, running_stack

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"
PRICED = "priced/gpt-4o-mini"
"""Goes to the fake provider as if it were OpenAI, so that it has a price."""

OpenPage = Callable[..., Awaitable[Person]]


class Project:
    """A project of a test's own on the shared stack, with a key."""

    def __init__(self, stack: Stack, project_id: str, name: str) -> None:
        self._stack = stack
        self.id = project_id
        self.name = name
        self.secret = ""
        self.key_name = f"{name} app"

    async def create_key(self, name: str, **fields: Any) -> str:
        """Create a key and return its secret once the gateway knows it."""
        async with self._stack.api() as api:
            body = {"name": name, "permissions": ["inference"], "models": [], "expires_at": None, **fields}
            made = await api.post("/keys", json=body, headers={"x-pilothouse-project": self.id})
            assert made.status_code == 201, made.text
        secret: str = made.json()["secret"]
        await self._stack.knows(secret)
        return secret

    def client(self, secret: str = "") -> httpx.AsyncClient:
        """Return a client of the gateway with the project's key."""
        headers = {"authorization": f"Bearer {secret or self.secret}"}
        return httpx.AsyncClient(base_url=self._stack.gateway_url, headers=headers, timeout=20, trust_env=False)

    async def call(self, text: str = "Say hello.", model: str = "up/fake-chat", **more: Any) -> httpx.Response:
        """Send a chat request; `headers` and `secret` apart, what is given goes into its body."""
        headers, secret = more.pop("headers", {}), more.pop("secret", "")
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        async with self.client(secret) as client:
            return await client.post("/v1/chat/completions", json=body, headers=headers)

    async def kept(self, count: int) -> list[dict[str, Any]]:
        """Wait until the project has that many traces, and return them, newest first."""
        return await self._stack.kept(self.id, count)


class House:
    """The shared stack, the provider behind it, and who is signed in."""

    def __init__(self, stack: Stack, fake: FakeProvider, state: Any) -> None:
        self.stack = stack
        self.fake = fake
        self.state = state
        """The cookies of a signed-in browser."""

    async def project(self, name: str) -> Project:
        """Create a project with a key in it; the provider answers as usual again."""
        self.fake.script()
        async with self.stack.api() as api:
            made = await api.post("/projects", json={"name": name})
            assert made.status_code == 201, made.text
        project = Project(self.stack, made.json()["id"], name)
        project.secret = await project.create_key(project.key_name)
        return project


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests."""
    browsers.require()
    expect.set_options(timeout=browsers.TIMEOUT_MS)
    async with browsers.chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One installation for all tests that only add to it."""
    folder = tmp_path_factory.mktemp("house")
    async with running_stack(folder) as (stack, fake):
        await stack.add_account("priced", fake.base_url, provider="openai", secret="sk-fake", models=["gpt-4o-mini"])
        await first_person(stack)
        yield House(stack, fake, await signed_in(chromium, stack.platform_url))


async def first_person(stack: Stack) -> None:
    """Use the first-run link without a browser."""
    token = stack.link.partition("#token=")[2]
    body = {"token": token, "email": EMAIL, "name": "Ada Lovelace", "password": PASSWORD}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{stack.platform_url}/api/v1/session/first-run", json=body)
        assert answer.status_code < 300, answer.text


async def signed_in(browser: Browser, url: str) -> Any:
    """Sign in as a person does, and return the browser's state."""
    async with browsers.person(browser, url) as one:
        await one.open("/")
        await one.page.get_by_label("Email").fill(EMAIL)
        await one.page.get_by_role("textbox", name="Password").fill(PASSWORD)
        await one.button("Sign in").click()
        await expect(one.page.get_by_role("navigation", name="Main")).to_be_visible()
        return await one.page.context.storage_state()


@pytest_asyncio.fixture(loop_scope="session")
async def page_for(chromium: Browser, house: House) -> AsyncIterator[OpenPage]:
    """Open signed-in pages on the shared stack; each is checked at the end of the test."""
    async with AsyncExitStack() as stack:

        async def open_page(**looks: Any) -> Person:
            context = browsers.person(chromium, house.stack.platform_url, house.state, **looks)
            return await stack.enter_async_context(context)

        yield open_page


@pytest_asyncio.fixture(loop_scope="session")
async def ada(page_for: OpenPage) -> Person:
    """Return a signed-in person at a wide screen."""
    return await page_for()
