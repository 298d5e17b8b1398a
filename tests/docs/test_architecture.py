"""The architecture page knows every room, and no other; the HTTP page every address."""

from pathlib import Path

from pilothouse.protocols.table import dialect, names
from pilothouse.server.permits import PERMITS
from tests.docs.pages import ROOT, blocks, headings

SOURCE = ROOT / "src" / "pilothouse"
PAGE = ROOT / "docs" / "architecture.md"
PAGES_OF_THE_UI = ("/", "/{path}")


def rooms() -> set[str]:
    """Return the folders and modules of the package."""
    folders = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    return folders | {path.stem for path in SOURCE.glob("*.py") if path.name != "__init__.py"}


def described(page: Path) -> list[str]:
    """Return the headings below `Rooms`."""
    found: list[str] = []
    inside = False
    for heading in headings(page):
        if heading.level == 2:
            inside = heading.text == "Rooms"
        elif inside:
            found.append(heading.text)
    return found


def test_the_headings_are_the_rooms() -> None:
    assert sorted(described(PAGE)) == sorted(rooms())


def test_the_import_direction_names_every_room() -> None:
    layers = next(block.text for block in blocks(PAGE) if block.text.startswith("cli\n"))
    assert {room.strip() for line in layers.splitlines() for room in line.split("|")} == rooms()


def test_the_http_page_names_every_address() -> None:
    text = (ROOT / "docs" / "reference" / "http.md").read_text()
    platform = [f"{method} {path}" for method, path in PERMITS if path not in PAGES_OF_THE_UI]
    gateway = [f"POST {dialect(name).path}" for name in names()]
    assert [address for address in platform + gateway if f"`{address}`" not in text] == []


def test_the_http_page_says_what_each_address_needs() -> None:
    rows = [line.split("|") for line in (ROOT / "docs" / "reference" / "http.md").read_text().splitlines()]
    needs = {cells[1].strip(" `"): cells[2] for cells in rows if len(cells) > 3 and " /" in cells[1]}
    wrong: list[str] = []
    for (method, path), permit in PERMITS.items():
        said = needs.get(f"{method} {path}", "")
        if permit.reach in ("project", "installation") and f"`{permit.permission}`" not in said:
            wrong.append(f"{method} {path} needs {permit.permission}")
    assert wrong == []
