"""A service account as Google hands it out, and the server that exchanges its claims for tokens."""

import asyncio
import json
from collections.abc import AsyncIterator

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pilothouse.transport.base import Request, Response

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
TOKEN_URI = "https://oauth2.googleapis.test/token"
FILE = json.dumps(
    {
        "type": "service_account",
        "project_id": "proj-1",
        "private_key_id": "kid-1",
        "private_key": PEM,
        "client_email": "robot@proj-1.iam.gserviceaccount.test",
        "client_id": "1",
        "token_uri": TOKEN_URI,
    },
    indent=2,
)


class Given:
    """An answer that has arrived."""

    reused = False

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = body

    async def read(self, limit_bytes: int) -> bytes:
        del limit_bytes
        return self.body

    def chunks(self) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


class TokenServer:
    """Answers token requests, and keeps them."""

    def __init__(self, token: str = "ya29.token", *, status: int = 200, body: bytes = b"") -> None:
        self.status = status
        self.body = body or msgspec.json.encode({"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        await asyncio.sleep(0)
        return Given(self.status, self.body)
