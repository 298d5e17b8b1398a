"""Prompts: versions are made and never changed, labels are moved, and the audit knows who did so."""

import hashlib
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.comment import CommentOn
from pilothouse.domain.composition import MOST_DEEP, Composition, Part, Reference, part_id, replaced
from pilothouse.domain.ids import new_id
from pilothouse.domain.prompt import LATEST, PRODUCTION, Prompt, PromptKind, PromptMessage, PromptSeen, PromptVersion
from pilothouse.errors import Conflict, InvalidRequest, NotFound
from pilothouse.registry import naming
from pilothouse.registry.writer import Change, Outcome, Writer
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.prompts import PromptFilter

_MOST_MESSAGES = 1000
_MOST_PUT_IN_CHARS = 5_000_000
"""Of prompts that are put in others for one answer, so that a few small ones that name each other often stay small."""
_DIGEST_CHARS = 64
_DIGEST_LEAST = 7


class NewPromptVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a version, and the prompt too when there is none of that name."""

    project_id: str
    name: str
    content: Any
    """A text, or a list of messages."""
    config: Any = None
    native: Any = None
    message: str = ""
    labels: Sequence[str] = ()
    tags: Sequence[str] | None = None
    """None leaves those of the prompt."""
    description: str | None = None
    """Likewise."""
    parent: str | None = None
    """The digest that the newest version must have; None takes any."""
    refuse_same: bool = False
    """Raise `Conflict` when nothing is new in it."""


class PromptChange(msgspec.Struct, frozen=True):
    """What is to be new of a prompt as a whole; None leaves a thing as it is."""

    description: str | None = None
    tags: Sequence[str] | None = None


class PromptListed(msgspec.Struct, frozen=True):
    """A prompt with the numbers of its versions and its labels."""

    prompt: Prompt
    numbers: list[int]
    labels: dict[str, int]
    """`latest` among them."""


class Prompts:
    """The prompts of all projects.

    Methods raise `InvalidRequest` with the field, `NotFound`, `Conflict`, and what `Metadata` raises.
    """

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._writer = Writer(metadata, clock)

    async def page(self, wanted: PromptFilter) -> tuple[list[PromptListed], int]:
        """Return a page of prompts by name, and how many there are on all pages."""

        def work(tx: Transaction) -> tuple[list[PromptListed], int]:
            found, total = tx.prompts.page(wanted)
            return [_listed(tx, prompt) for prompt in found], total

        return await self._metadata.read(work)

    async def get(self, project_id: str, prompt: str) -> PromptListed:
        """Return one prompt, by its id or name."""
        return await self._metadata.read(lambda tx: _listed(tx, _prompt(tx, project_id, prompt)))

    async def versions(self, project_id: str, prompt: str, limit: int, offset: int = 0) -> tuple[list[PromptSeen], int]:
        """Return versions of a prompt, the newest first, and how many there are."""

        def work(tx: Transaction) -> tuple[list[PromptSeen], int]:
            found = _prompt(tx, project_id, prompt)
            versions, total = tx.prompts.versions(found.id, limit, offset)
            return [tx.prompts.seen(found, version) for version in versions], total

        return await self._metadata.read(work)

    async def version(self, project_id: str, prompt: str, which: str | int = PRODUCTION) -> PromptSeen:
        """Return one version: by its number, a label, or the first digits of its digest."""

        def work(tx: Transaction) -> PromptSeen:
            found = _prompt(tx, project_id, prompt)
            return tx.prompts.seen(found, _version(tx, found, which))

        return await self._metadata.read(work)

    async def composed(
        self, project_id: str, prompt: str, which: str | int = PRODUCTION
    ) -> tuple[PromptSeen, Composition]:
        """Return one version, and its content with all prompts that it names put in.

        Raises `InvalidRequest` when one of those is missing, is no text, or needs the prompt itself, and when together
        they are too long.
        """

        def work(tx: Transaction) -> tuple[PromptSeen, Composition]:
            found = _prompt(tx, project_id, prompt)
            version = _version(tx, found, which)
            return tx.prompts.seen(found, version), _composition(tx, found, version)

        return await self._metadata.read(work)

    async def create_version(self, new: NewPromptVersion, *, actor: str) -> PromptSeen:
        """Make a version, which takes the labels from those that had them."""
        name, kind, content = naming.name(new.name), kind_of(new.content), _content(new.content)
        labels, now_ns = naming.labels(new.labels), self._clock.now_ns()

        def work(tx: Transaction) -> Outcome[PromptSeen]:
            held = tx.prompts.by_name(new.project_id, name)
            if held is not None and held.kind is not kind and held.newest:
                raise InvalidRequest(f"the prompt {name!r} is of the kind {held.kind}, and stays it", param="type")
            prompt = held or _fresh(new.project_id, name, kind, now_ns)
            newest = tx.prompts.version(prompt.id, prompt.newest)
            parent = newest.digest if newest else ""
            if new.parent is not None and not (parent.startswith(new.parent) and bool(parent) == bool(new.parent)):
                raise Conflict(f"{name!r} has another newest version than the one that this one follows")
            if newest is not None and new.refuse_same and _same(newest, new, content):
                raise Conflict(f"nothing is new: {name!r} is the same in its newest version")
            version = PromptVersion(
                prompt_id=prompt.id, number=prompt.given + 1, digest=_digest(prompt.id, parent, new, content),
                parent=parent, content=content, config=new.config, native=new.native,
                message=naming.description(new.message, "message"), author=actor, created_at_ns=now_ns,
            )  # fmt: skip
            whole = _changed(
                msgspec.structs.replace(prompt, kind=kind, newest=version.number, given=version.number),
                PromptChange(new.description, new.tags),
                now_ns,
            )
            (tx.prompts.insert if held is None else tx.prompts.replace)(whole)
            tx.prompts.insert_version(version)
            for label in labels:
                tx.prompts.move_label(prompt.id, label, version.number)
            # last, because a label that moves can close a circle
            _composition(tx, whole, version)
            return Outcome(tx.prompts.seen(whole, version))

        detail = {"name": name, "labels": labels}
        return await self._writer.change(work, Change(actor, "prompt.version", name, detail, for_gateway=False))

    async def create(self, project_id: str, name: str, kind: PromptKind, change: PromptChange, *, actor: str) -> Prompt:
        """Make a prompt that has no version yet."""
        now_ns = self._clock.now_ns()
        prompt = _changed(_fresh(project_id, naming.name(name), kind, now_ns), change, now_ns)

        def work(tx: Transaction) -> Outcome[Prompt]:
            if tx.prompts.by_name(project_id, prompt.name) is not None:
                raise Conflict(f"a prompt {prompt.name!r} exists already")
            tx.prompts.insert(prompt)
            return Outcome(prompt)

        return await self._writer.change(
            work, Change(actor, "prompt.create", prompt.name, {"name": prompt.name}, for_gateway=False)
        )

    async def change(self, project_id: str, prompt: str, change: PromptChange, *, actor: str) -> PromptListed:
        """Give a prompt another description or other tags; its versions stay as they are."""
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> Outcome[PromptListed]:
            held = _prompt(tx, project_id, prompt)
            changed = _changed(held, change, now_ns)
            tx.prompts.replace(changed)
            return Outcome(_listed(tx, changed))

        return await self._writer.change(work, Change(actor, "prompt.change", prompt, for_gateway=False))

    async def put_labels(
        self, project_id: str, prompt: str, which: str | int, labels: Sequence[str], *, only: bool = False, actor: str
    ) -> PromptSeen:
        """Put labels on a version; with `only` it keeps no others."""
        wanted = naming.labels(labels)

        def work(tx: Transaction) -> Outcome[PromptSeen]:
            found = _prompt(tx, project_id, prompt)
            version = _version(tx, found, which)
            held = tx.prompts.labels([found.id]).get(found.id, {})
            for label in wanted:
                tx.prompts.move_label(found.id, label, version.number)
            for label, number in held.items():
                if only and number == version.number and label not in wanted:
                    tx.prompts.move_label(found.id, label, None)
            if wanted:
                _composition(tx, found, version)
            return Outcome(tx.prompts.seen(found, version))

        detail = {"version": which, "labels": wanted}
        return await self._writer.change(work, Change(actor, "prompt.label", prompt, detail, for_gateway=False))

    async def remove_label(self, project_id: str, prompt: str, label: str, *, actor: str) -> None:
        """Take a label away."""

        def work(tx: Transaction) -> Outcome[None]:
            found = _prompt(tx, project_id, prompt)
            if label not in tx.prompts.labels([found.id]).get(found.id, {}):
                raise NotFound(f"no version of {found.name!r} has the label {label[:80]!r}")
            tx.prompts.move_label(found.id, label, None)
            return Outcome(None)

        detail = {"label": label}
        await self._writer.change(work, Change(actor, "prompt.unlabel", prompt, detail, for_gateway=False))

    async def likes(self, prompt_id: str, actor: str) -> tuple[int, bool]:
        """Return by how many a prompt is liked, and whether by somebody."""
        return await self._metadata.read(
            lambda tx: (
                tx.prompt_likes.counts([prompt_id]).get(prompt_id, 0),
                bool(tx.prompt_likes.of_actor(actor, [prompt_id])),
            )
        )

    async def like(self, prompt_id: str, actor: str, *, likes: bool) -> int:
        """Note that somebody likes a prompt, or no longer does; return how many do. It is not in the audit."""

        def work(tx: Transaction) -> int:
            tx.prompt_likes.put(prompt_id, actor, likes=likes)
            return tx.prompt_likes.counts([prompt_id]).get(prompt_id, 0)

        return await self._metadata.write(work)

    async def delete(self, project_id: str, prompt: str, which: str | int | None = None, *, actor: str) -> None:
        """Delete a prompt, or one version of it; with the last version goes the prompt."""

        def work(tx: Transaction) -> Outcome[None]:
            found = _prompt(tx, project_id, prompt)
            if which is None:
                _delete(tx, found)
                return Outcome(None)
            number = _version(tx, found, which).number
            tx.prompts.delete_version(found.id, number)
            tx.comments.delete_of(project_id, [CommentOn.PROMPT], [found.id], str(number))
            left, _ = tx.prompts.versions(found.id, 1)
            if left:
                tx.prompts.replace(msgspec.structs.replace(found, newest=left[0].number))
            else:
                _delete(tx, found)
            return Outcome(None)

        detail = {} if which is None else {"version": which}
        await self._writer.change(work, Change(actor, "prompt.delete", prompt, detail, for_gateway=False))


def _delete(tx: Transaction, prompt: Prompt) -> None:
    tx.prompts.delete(prompt.id)
    tx.comments.delete_of(prompt.project_id, [CommentOn.PROMPT], [prompt.id])


def kind_of(content: Any) -> PromptKind:
    """Return the kind of a content; raises `InvalidRequest` for what is neither text nor a list."""
    if isinstance(content, str):
        return PromptKind.TEXT
    if isinstance(content, list):
        return PromptKind.CHAT
    raise InvalidRequest("a prompt is a text, or a list of messages", param="content")


def _content(content: Any) -> str | list[PromptMessage]:
    if isinstance(content, str):
        return content
    messages = cast("list[Any]", content)
    if not 1 <= len(messages) <= _MOST_MESSAGES:
        raise InvalidRequest(f"a chat prompt has 1 to {_MOST_MESSAGES} messages", param="content")
    for place, one in enumerate(messages):
        if not isinstance(one, dict):
            raise InvalidRequest(f"message {place} must be an object", param=f"/content/{place}")
        message = cast("PromptMessage", one)
        wanted = "name" if message.get("type") == "placeholder" else "role"
        if not isinstance(message.get(wanted), str) or not message[wanted]:
            raise InvalidRequest(f"message {place} needs a {wanted}", param=f"/content/{place}/{wanted}")
    return messages


def _same(newest: PromptVersion, new: NewPromptVersion, content: Any) -> bool:
    return (newest.content, newest.config, newest.native) == (content, new.config, new.native)


def _digest(prompt_id: str, parent: str, new: NewPromptVersion, content: Any) -> str:
    said = msgspec.json.encode([prompt_id, parent, content, new.config, new.native])
    return hashlib.sha256(said).hexdigest()


def _fresh(project_id: str, name: str, kind: PromptKind, now_ns: int) -> Prompt:
    return Prompt(id=new_id(), project_id=project_id, name=name, kind=kind, created_at_ns=now_ns, updated_at_ns=now_ns)


def _changed(prompt: Prompt, change: PromptChange, now_ns: int) -> Prompt:
    description = prompt.description if change.description is None else naming.description(change.description)
    tags = prompt.tags if change.tags is None else naming.words(change.tags, "tags")
    return msgspec.structs.replace(prompt, description=description, tags=tags, updated_at_ns=now_ns)


def _prompt(tx: Transaction, project_id: str, prompt: str) -> Prompt:
    found = tx.prompts.by_name(project_id, prompt) or tx.prompts.get(project_id, prompt)
    if found is None:
        raise NotFound(f"there is no prompt {prompt[:80]!r} in this project")
    return found


def _version(tx: Transaction, prompt: Prompt, which: str | int) -> PromptVersion:
    held = tx.prompts.labels([prompt.id]).get(prompt.id, {})
    name = str(which)
    if isinstance(which, int):
        found = tx.prompts.version(prompt.id, which)
    elif name == LATEST:
        found = tx.prompts.version(prompt.id, prompt.newest)
    elif name in held:
        found = tx.prompts.version(prompt.id, held[name])
    else:
        # a digest may begin with decimal digits alone; a number of as many digits is none that was ever given
        plausible = _DIGEST_LEAST <= len(name) <= _DIGEST_CHARS
        found = tx.prompts.by_digest(prompt.id, name.lower()) if plausible else None
        if found is None and name.isascii() and name.isdecimal():
            found = tx.prompts.version(prompt.id, int(name[:9]))
    if found is None:
        raise NotFound(f"the prompt {prompt.name!r} has no version {str(which)[:80]!r}")
    return found


def _composition(tx: Transaction, prompt: Prompt, version: PromptVersion) -> Composition:
    parts: dict[str, list[Part]] = {}
    # what is named often is looked up and put together once for each depth, at which it may or may not be too deep
    known: dict[tuple[Reference, int], tuple[Part, str]] = {}
    root = Part(part_id(prompt.id, version.number), prompt.name, version.number)
    put_in_chars = 0

    def found(wanted: Reference, way: tuple[Part, ...]) -> tuple[Part, str]:
        other, held = _referred(tx, prompt.project_id, wanted, way)
        part = Part(part_id(other.id, held.number), other.name, held.number)
        return part, str(whole(held, (*way, part)))

    def whole(held: PromptVersion, way: tuple[Part, ...]) -> Any:
        def text_of(wanted: Reference) -> str:
            nonlocal put_in_chars
            place = wanted, len(way)
            if place not in known:
                known[place] = found(wanted, way)
            part, text = known[place]
            needed = parts.setdefault(way[-1].id, [])
            if part not in needed:
                needed.append(part)
            put_in_chars += len(text)
            if put_in_chars > _MOST_PUT_IN_CHARS:
                raise InvalidRequest(
                    f"the prompts that are named in {prompt.name!r} have more than {_MOST_PUT_IN_CHARS} characters",
                    param="content",
                )
            return text

        return replaced(held.content, text_of)

    return Composition(whole(version, (root,)), root, parts)


def _referred(
    tx: Transaction, project_id: str, wanted: Reference, way: tuple[Part, ...]
) -> tuple[Prompt, PromptVersion]:
    told = " > ".join((*(f"{one.name} {one.version}" for one in way), f"{wanted.name} {wanted.which}"))[:200]
    try:
        other = _prompt(tx, project_id, wanted.name)
        found = _version(tx, other, wanted.which)
    except NotFound as error:
        raise InvalidRequest(f"a prompt that is named in another is missing: {told}", param="content") from error
    if other.kind is not PromptKind.TEXT:
        raise InvalidRequest(f"only a text prompt can be named in another: {told}", param="content")
    if any((one.name, one.version) == (other.name, found.number) for one in way):
        raise InvalidRequest(f"prompts cannot be made of themselves: {told}", param="content")
    if len(way) > MOST_DEEP:
        raise InvalidRequest(f"prompts are made of others {MOST_DEEP} deep at most: {told}", param="content")
    return other, found


def _listed(tx: Transaction, prompt: Prompt) -> PromptListed:
    labels = dict(tx.prompts.labels([prompt.id]).get(prompt.id, {}))
    if prompt.newest:
        labels[LATEST] = prompt.newest
    return PromptListed(prompt, tx.prompts.numbers([prompt.id]).get(prompt.id, []), labels)
