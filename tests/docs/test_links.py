"""Every link leads somewhere, and every page can be reached."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, links, name

START = [ROOT / "README.md", ROOT / "docs" / "README.md"]


def leads_somewhere(target: Path, fragment: str) -> bool:
    """Return whether the file is there, inside the repository, and has the part that is named."""
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not fragment or fragment in anchors(target)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_resolve(page: Path) -> None:
    broken: list[str] = []
    for link in links(page):
        parts = urlsplit(link)
        target = (page.parent / parts.path).resolve() if parts.path else page
        if not parts.scheme and not leads_somewhere(target, parts.fragment):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_front() -> None:
    reached: set[Path] = set()
    waiting = list(START)
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [(page.parent / urlsplit(link).path).resolve() for link in links(page) if not urlsplit(link).scheme]
    assert sorted(name(page) for page in set(PAGES) - reached if page.parent.name != "changes") == []


def test_pictures_are_small_enough_to_be_in_a_repository() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert [path.name for path in pictures if path.stat().st_size > 300_000] == []
