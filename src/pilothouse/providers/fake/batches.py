"""Batch jobs of the fake provider: what is scripted for them, what becomes of their lines, and how often each ran."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import plan, script
from pilothouse.providers.fake.http import Reaction, Request
from pilothouse.providers.fake.plan import Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer

JSONL = "application/jsonl"
_NORMAL = Answer()
_CUT_SHORT = Answer(content_length="long")

Ending = Literal["ended", "failed", "expired", "cancelled"]
Renderer = Callable[[Answer, Asked], Plan]
"""How a vendor puts an answer, errors above all."""


class BatchScript(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of one batch job; the defaults are a service that is done at the first look.

    Behaviours are given as in a header `x-fake-script`: by name, or as JSON. A key also stands for those that end in it
    behind a `_`: clients may have marks of their own before their keys.
    """

    create: str = ""
    """The behaviour that answers the creation; no job is made."""
    lost: bool = False
    """Take the job, but close the connection in place of an answer."""
    looks: int = 0
    """How many looks find the job still at work."""
    first_looks: tuple[str, ...] = ()
    """Behaviours that answer the first looks."""
    ending: Literal["ended", "failed", "expired"] = "ended"
    run_lines: int | None = None
    """How many lines run before the job expires or is cancelled; None is all of a job that expires, else none."""
    lines: dict[str, str] = {}
    """Behaviours of lines, by their keys."""
    left_out: tuple[str, ...] = ()
    """Keys of lines that the results say nothing of."""
    twice: tuple[str, ...] = ()
    """Keys of lines that stand twice in the results."""
    cut_results: int = 0
    """How many downloads of results break off half way."""
    inline: bool = False
    """Whether Gemini answers in the job itself although the requests came in a file."""
    bare: bool = False
    """Whether Gemini leaves the keys out of answers in the job itself."""


class Line(msgspec.Struct, frozen=True):
    """One request of a job, as the direct call that it stands for."""

    key: str
    request: Request


class Outcome(msgspec.Struct, frozen=True):
    """What became of a line."""

    key: str
    status: int
    """0 when it was not run."""
    body: bytes = b""


class Job(msgspec.Struct, kw_only=True):
    """One batch job."""

    id: str
    owner: str
    vendor: str
    lines: list[Line]
    script: BatchScript
    told: dict[str, Any]
    """What the vendor's API gives back of the creation."""
    wrong: list[dict[str, Any]] = []
    """What is wrong with the input, where a vendor tells only later; such a job fails."""
    number: int = 0
    looks: int = 0
    downloads: int = 0
    cancelling: bool = False
    ending: Ending | None = None
    outcomes: list[Outcome] = []
    results: dict[str, Any] = {}
    """What the vendor's API says of where the results are."""

    def count(self, wanted: Callable[[Outcome], bool]) -> int:
        """Return how many lines came out so."""
        return sum(map(wanted, self.outcomes))


class File(msgspec.Struct, frozen=True):
    """A file of OpenAI's or Google's."""

    id: str
    owner: str
    name: str
    purpose: str
    body: bytes
    job: Job | None = None
    """The job whose results it holds."""


class Desk:
    """Keeps the jobs and files of all vendors. Those of one key are not there for another.

    Keys of one project end alike from an `@` on, such as `sk-a@p` and `sk-b@p`.
    """

    def __init__(self, run: Callable[[Request], Reaction]) -> None:
        self._run = run
        self._scripts: deque[BatchScript] = deque([BatchScript()])
        self.jobs: list[Job] = []
        """Every job that was taken, oldest first."""
        self.files: dict[str, File] = {}
        self.ran: Counter[str] = Counter()
        """How often each line ran, by its key as it came."""

    def script(self, *scripts: BatchScript | Mapping[str, Any]) -> None:
        """Let these become of the next jobs in turn, the last one again and again; raises `SettingsInvalid`."""
        self._scripts = deque([_script(item) for item in scripts] or [BatchScript()])

    def reset(self) -> None:
        """Forget all jobs, files, counts and scripts."""
        self._scripts = deque([BatchScript()])
        self.jobs.clear()
        self.files.clear()
        self.ran.clear()

    def create(self, request: Request, job: Job, shown: Callable[[Job], Reaction], renderer: Renderer) -> Reaction:
        """Take the job, or not, as the script says."""
        chosen = self._scripts.popleft() if len(self._scripts) > 1 else self._scripts[0]
        if chosen.create:
            return behave(chosen.create, renderer)
        job.script, job.owner, job.number = chosen, owner(request), len(self.jobs) + 1
        job.id += str(job.number)
        self.jobs.append(job)
        answer = shown(job)
        return msgspec.structs.replace(answer, fault="close") if chosen.lost else answer

    def find(self, request: Request, vendor: str, identity: str) -> Job | None:
        """Return the job, None when the key has none of that id."""
        return next((job for job in self.listed(request, vendor) if job.id == identity), None)

    def listed(self, request: Request, vendor: str) -> list[Job]:
        """Return the jobs of the key, newest first."""
        mine = owner(request)
        return [job for job in reversed(self.jobs) if (job.vendor, job.owner) == (vendor, mine)]

    def file(self, request: Request, identity: str) -> File | None:
        """Return the file, None when the key has none of that id."""
        found = self.files.get(identity)
        return found if found is not None and found.owner == owner(request) else None

    def keep(self, job: Job, prefix: str, name: str, purpose: str, body: bytes) -> str:
        """Keep results as a file and return its id."""
        identity = f"{prefix}{len(self.files) + 1}"
        self.files[identity] = File(identity, job.owner, name, purpose, body, job)
        return identity

    def look(self, job: Job, renderer: Renderer, finish: Callable[[Job], None]) -> Reaction | None:
        """Let time pass for the job; returns what answers this look in place of its state."""
        job.looks += 1
        if job.looks <= len(job.script.first_looks):
            return behave(job.script.first_looks[job.looks - 1], renderer)
        if job.ending is None and (job.cancelling or job.looks > job.script.looks + len(job.script.first_looks)):
            self._finish(job)
            finish(job)
        return None

    def download(self, job: Job | None, body: bytes) -> Reaction:
        """Return the answer with lines of results, whole or broken off."""
        if job is not None:
            job.downloads += 1
            if job.downloads <= job.script.cut_results:
                return Reaction(plan.whole(_CUT_SHORT, body[: len(body) // 2], JSONL))
        return Reaction(plan.whole(_NORMAL, body, JSONL))

    def _finish(self, job: Job) -> None:
        job.ending = "failed" if job.wrong else "cancelled" if job.cancelling else job.script.ending
        if job.ending == "failed":
            return
        limit = len(job.lines) if job.ending != "cancelled" else 0
        if job.ending != "ended" and job.script.run_lines is not None:
            limit = job.script.run_lines
        outcomes = [self._outcome(job, line) for line in job.lines[:limit]]
        outcomes += [Outcome(line.key, 0) for line in job.lines[limit:]]
        told = [outcome for outcome in outcomes if not _named(outcome.key, job.script.left_out)]
        job.outcomes = told + [outcome for outcome in told if _named(outcome.key, job.script.twice)]

    def _outcome(self, job: Job, line: Line) -> Outcome:
        self.ran[line.key] += 1
        request = line.request
        chosen = _named(line.key, job.script.lines)
        if chosen:
            behaviour = job.script.lines[chosen].encode()
            request = msgspec.structs.replace(request, headers=(*request.headers, (b"x-fake-script", behaviour)))
        made = self._run(request).plan
        return Outcome(line.key, int(made.head.split(b" ", 2)[1]), made.body)


def owner(request: Request) -> str:
    """Return whose key it is: the project behind an `@`, or the key itself."""
    bearer = request.header(b"authorization").removeprefix(b"Bearer ")
    key = bearer or request.header(b"x-api-key") or request.header(b"x-goog-api-key")
    text = key.decode("latin-1") or "".join(parse_qs(request.target.partition("?")[2]).get("key", []))
    return text.partition("@")[2] or text


def behave(name: str, renderer: Renderer) -> Reaction:
    """Return what a behaviour makes of a request of the batch service."""
    answer = script.parse(name)
    return Reaction(renderer(answer, Asked()), answer.fault, answer.first_byte_s)


def refuse(status: int, message: str, renderer: Renderer) -> Reaction:
    """Return an error in the vendor's form."""
    return Reaction(renderer(Answer(status=status, error_message=message), Asked()))


def document(content: Any, headers: plan.Headers = ()) -> Reaction:
    """Return a JSON answer."""
    return Reaction(plan.whole(_NORMAL, plan.ENCODER.encode(content), headers=headers))


def query(request: Request) -> dict[str, str]:
    """Return the query's parameters; of equal names the last."""
    return {name: values[-1] for name, values in parse_qs(request.target.partition("?")[2]).items()}


def jsonl(items: Iterable[Any]) -> bytes:
    """Return one line of JSON for each."""
    return b"".join(plan.ENCODER.encode(item) + b"\n" for item in items)


def page(items: list[Any], size: str, after: Callable[[Any], bool] | None) -> tuple[list[Any], bool]:
    """Return a page of a list, from behind the item that `after` finds, and whether there is more."""
    start = 0 if after is None else next((place + 1 for place, item in enumerate(items) if after(item)), len(items))
    end = start + int(size)
    return items[start:end], end < len(items)


def _named(key: str, names: Iterable[str]) -> str:
    """Return which of the names a key goes by; empty for none."""
    return next((name for name in names if key == name or key.endswith(f"_{name}")), "")


def _script(given: BatchScript | Mapping[str, Any]) -> BatchScript:
    if isinstance(given, BatchScript):
        return given
    try:
        return msgspec.convert(dict(given), BatchScript)
    except msgspec.ValidationError as error:
        raise SettingsInvalid(f"no such script of a batch: {error}") from error
