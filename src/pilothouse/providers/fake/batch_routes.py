"""Which path of a batch service does what."""

import re
from collections.abc import Callable

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import batches, batches_anthropic, batches_gemini, batches_openai
from pilothouse.providers.fake.batches import Desk, Renderer
from pilothouse.providers.fake.http import Reaction, Request

_Handler = Callable[[Desk, Request, re.Match[str]], Reaction]
_OPENAI: Renderer = batches_openai.render_error
_ANTHROPIC: Renderer = batches_anthropic.render_error
_GEMINI: Renderer = batches_gemini.render_error

_ROUTES: tuple[tuple[tuple[str, ...], re.Pattern[str], _Handler, Renderer], ...] = tuple(
    (tuple(methods.split()), re.compile(pattern), handler, renderer)
    for methods, pattern, handler, renderer in (
        ("POST", r"/v1/files", batches_openai.upload, _OPENAI),
        ("GET", r"/v1/files", batches_openai.files, _OPENAI),
        ("GET DELETE", r"/v1/files/([^/]+)()", batches_openai.file, _OPENAI),
        ("GET", r"/v1/files/([^/]+)(/content)", batches_openai.file, _OPENAI),
        ("POST", r"/v1/batches", batches_openai.create, _OPENAI),
        ("GET", r"/v1/batches", batches_openai.listed, _OPENAI),
        ("GET", r"/v1/batches/([^/]+)()", batches_openai.job, _OPENAI),
        ("POST", r"/v1/batches/([^/]+)(/cancel)", batches_openai.job, _OPENAI),
        ("POST", r"/v1/messages/batches", batches_anthropic.create, _ANTHROPIC),
        ("GET", r"/v1/messages/batches", batches_anthropic.listed, _ANTHROPIC),
        ("GET DELETE", r"/v1/messages/batches/([^/]+)()", batches_anthropic.job, _ANTHROPIC),
        ("GET", r"/v1/messages/batches/([^/]+)(/results)", batches_anthropic.job, _ANTHROPIC),
        ("POST", r"/v1/messages/batches/([^/]+)(/cancel)", batches_anthropic.job, _ANTHROPIC),
        (
            "POST",
            r"/(?:v1|v1beta)/models/([^/:]+):(batchGenerateContent|asyncBatchEmbedContent)",
            batches_gemini.create,
            _GEMINI,
        ),
        ("GET", r"/(?:v1|v1beta)/batches", batches_gemini.listed, _GEMINI),
        ("GET DELETE", r"/(?:v1|v1beta)/(batches/[^/:]+)()", batches_gemini.job, _GEMINI),
        ("POST", r"/(?:v1|v1beta)/(batches/[^/:]+)(:cancel)", batches_gemini.job, _GEMINI),
        ("POST", r"/upload/(?:v1|v1beta)/files", batches_gemini.upload, _GEMINI),
        ("GET DELETE", r"/(?:v1|v1beta)/(files/[^/:]+)()", batches_gemini.file, _GEMINI),
        ("GET", r"(?:/download)?/(?:v1|v1beta)/(files/[^/:]+)(:download)", batches_gemini.file, _GEMINI),
    )
)


def find(request: Request) -> tuple[_Handler, re.Match[str], Renderer] | None:
    """Return what serves a path of a batch service and how its vendor puts errors; None for other paths."""
    path = request.target.partition("?")[0]
    # OpenAI's and Google's paths of the first version are the same; Google's ask for the key in a header of their own.
    google = any(name.startswith(b"x-goog-") for name, _ in request.headers) or not path.startswith("/v1/")
    for methods, pattern, handler, renderer in _ROUTES:
        found = pattern.fullmatch(path)
        if found is not None and request.method in methods and (renderer is _GEMINI) == google:
            return handler, found, renderer
    return None


def serve(desk: Desk, request: Request, handler: _Handler, found: re.Match[str], renderer: Renderer) -> Reaction:
    """Return the answer, errors in the vendor's form."""
    try:
        return handler(desk, request, found)
    except (msgspec.DecodeError, SettingsInvalid) as error:
        return batches.refuse(400, str(error), renderer)
