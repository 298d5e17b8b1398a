"""Budgets of the tails: modules, functions, docstrings, names."""

import ast
from pathlib import Path
from statistics import quantiles

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "pilothouse"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "static" not in path.parts)
MODULE_LINES = 600
MODULE_LINES_P90 = 400
FUNCTION_LINES = 50
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "misc", "manager"}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_modules_stay_short() -> None:
    sizes = {str(path.relative_to(SOURCE)): lines(path) for path in MODULES}
    assert {name: size for name, size in sizes.items() if size > MODULE_LINES} == {}
    assert quantiles(sizes.values(), n=10)[-1] <= MODULE_LINES_P90


def test_functions_stay_short() -> None:
    long: dict[str, int] = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                if size > FUNCTION_LINES:
                    long[f"{path.relative_to(SOURCE)}:{node.name}"] = size
    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(SOURCE))
        for path in MODULES
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_every_public_class_and_function_says_what_it_does() -> None:
    silent: list[str] = []
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            public = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_"
            if public and not ast.get_docstring(node):
                silent.append(f"{path.relative_to(SOURCE)}:{node.name}")
    assert silent == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_is_a_drawer_for_everything(path: Path) -> None:
    assert not FORBIDDEN_NAMES & {path.stem, *path.relative_to(SOURCE).parts}
