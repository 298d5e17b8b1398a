"""Every test that the page of known faults names is there."""

import ast
import re
from functools import cache

import pytest

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "reference" / "known-faults.md"
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
_ROW = re.compile(r"^\| (?!Fault )(.+?) \| (.+?) \| ?(.*) \|$", re.MULTILINE)


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names of a file's test functions; none when there is no such file."""
    file = ROOT / path
    if not file.exists():
        return frozenset()
    nodes = ast.walk(ast.parse(file.read_text()))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("path", "name"), sorted(set(_NAMED.findall(PAGE.read_text()))))
def test_a_test_that_is_named_is_there(path: str, name: str) -> None:
    assert name in names_in(path)


def test_every_fault_is_tested_or_said_not_to_be_handled() -> None:
    rows = _ROW.findall(PAGE.read_text())
    assert len(rows) >= 30
    assert [fault for fault, here, proof in rows if bool(_NAMED.search(proof)) is here.startswith("Not yet")] == []
