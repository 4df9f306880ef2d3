"""Who may import whom, read from the sources' syntax trees."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {"api", "worker", "models", "genotypes", "jobs", "cli", "errors", "benchmarks"}
MAY_IMPORT = {
    "errors": set(),
    "genotypes": {"errors"},
    "jobs": {"errors"},
    "models": {"genotypes", "errors"},
    "worker": {"jobs", "genotypes", "models", "errors"},
    "api": {"jobs", "genotypes", "errors"},
    "cli": {"jobs", "genotypes", "models", "worker", "errors"},
    "benchmarks": ROOMS,
}
NO_TORCH = {"errors", "genotypes", "jobs", "api", "cli"}
# The CLI talks to a server over HTTP; what works without one is imported inside the command that needs it.
LAZY_IN_CLI = {"worker", "models"}


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def imported_at_load(tree: ast.Module) -> set[str]:
    """What importing the module imports: nothing inside functions, nothing under `if TYPE_CHECKING`."""
    found: set[str] = set()
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= imported(ast.Module([node], []))
        pending += ast.iter_child_nodes(node)
    return found


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    assert modules(room), f"{room}/ holds no module"
    wrong = {
        str(path.relative_to(ROOT)): sorted(bad)
        for path in modules(room)
        if (bad := imported(ast.parse(path.read_text())) & ROOMS - MAY_IMPORT[room] - {room})
    }
    assert not wrong


@pytest.mark.parametrize("room", sorted(NO_TORCH))
def test_rooms_without_torch(room: str) -> None:
    wrong = [str(path) for path in modules(room) if "torch" in imported(ast.parse(path.read_text()))]
    assert not wrong


def test_commands_import_the_engines_only_when_they_run() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in modules("cli")
        if imported_at_load(ast.parse(path.read_text())) & LAZY_IN_CLI
    ]
    assert not wrong


def test_the_pipeline_knows_neither_celery_nor_the_database() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in modules("worker/pipeline")
        if imported(ast.parse(path.read_text())) & {"celery", "kombu", "sqlalchemy", "jobs"}
    ]
    assert not wrong


def test_models_know_neither_http_nor_celery() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in modules("models")
        if imported(ast.parse(path.read_text())) & {"celery", "kombu", "sqlalchemy", "fastapi", "starlette", "httpx"}
    ]
    assert not wrong
