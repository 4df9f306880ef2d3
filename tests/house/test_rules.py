"""The house's rules that no linter knows."""

import ast
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("api", "worker", "models", "genotypes", "jobs", "cli", "errors", "benchmarks", "migrations")
LONGEST = 400  # lines
SQL_CALLS = {"select", "insert", "update", "delete", "text", "exists", "func"}
# Whatever is written here would name this rule's own words; they are put together so that this file passes too.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
PRIVATE = re.compile(
    "|".join(["/tmp/" + r"dev\b", r"\.\./\." + "library", "py" + r"pi\.org", "files." + "pythonhosted"])
)
TEXT = {
    ".py",
    ".toml",
    ".yml",
    ".yaml",
    ".md",
    ".html",
    ".css",
    ".js",
    ".ini",
    ".mako",
    ".lock",
    ".txt",
    ".example",
    "",
}
VENDORED = ("frontend/static/vendor/", "tests/house/compose-spec")


def own_files() -> list[Path]:
    """Files of the tree that git keeps or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git work tree")
    names = [name for name in listed.stdout.decode().split("\0") if name and not name.startswith(VENDORED)]
    return [path for name in sorted(set(names)) if (path := ROOT / name).is_file()]


def sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def test_no_source_is_too_long() -> None:
    everything = [*sources(), *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "frontend").rglob("*.js"))]
    kept = [path for path in everything if "vendor" not in path.parts]
    long = {
        str(path.relative_to(ROOT)): count for path in kept if (count := len(path.read_text().splitlines())) > LONGEST
    }
    assert not long


def test_sql_stands_in_the_repository_alone() -> None:
    allowed = ("jobs/repository", "jobs/tables.py", "jobs/columns.py", "jobs/database.py", "migrations/")
    wrong = {}
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(allowed):
            continue
        found = [
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
            for alias in node.names
            if alias.name in SQL_CALLS
        ]
        if found:
            wrong[name] = found
    assert not wrong


def test_nothing_is_left_unfinished() -> None:
    wrong = [str(path.relative_to(ROOT)) for path in sources() if UNFINISHED.search(path.read_text())]
    assert not wrong


def test_no_file_names_a_private_place_or_a_registry() -> None:
    wrong = []
    for path in own_files():
        if path.suffix in TEXT:
            try:
                text = path.read_text()
            except UnicodeDecodeError:
                continue
            if PRIVATE.search(text):
                wrong.append(str(path.relative_to(ROOT)))
    assert not wrong


def test_only_tests_benchmarks_and_the_readme_name_the_shared_folder() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in sources()
        if not path.is_relative_to(ROOT / "benchmarks") and "../shared" in path.read_text()
    ]
    assert not wrong


def test_test_modules_have_names_of_their_own() -> None:
    seen: dict[str, Path] = {}
    twice = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if path.name in seen:
            twice.append((str(seen[path.name]), str(path)))
        seen[path.name] = path
    assert not twice


def test_no_file_is_large() -> None:
    sizes = {str(p.relative_to(ROOT)): p.stat().st_size for p in own_files()}
    bundles: Counter[str] = Counter()
    for name, size in sizes.items():
        if name.startswith("bundles/"):
            bundles[name.split("/")[1]] += size
    assert max(bundles.values()) <= 25_000_000, "a demo bundle has 25 MB"
    large = {name: size for name, size in sizes.items() if size > 10 << 20 and not name.startswith("bundles/")}
    assert not large, "files over 10 MiB do not belong into the repository"


def test_the_lock_has_a_hash_for_everything_and_no_torch() -> None:
    for name in ("requirements.lock", "requirements.server.lock"):
        blocks = re.split(r"^(?=[a-z0-9])", (ROOT / name).read_text(), flags=re.M | re.I)
        pins = [block for block in blocks if "==" in block.splitlines()[0]]
        assert len(pins) > 40
        assert all("--hash=sha256:" in block for block in pins)
        assert not [block for block in pins if block.startswith(("torch==", "nvidia-"))]
        assert not re.search(r"^--|https?://", "".join(blocks), flags=re.M)


def test_the_server_lock_is_a_part_of_the_lock() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([a-zA-Z0-9_.-]+==[^ ;\\]+)", (ROOT / name).read_text(), flags=re.M))

    whole, server = pins("requirements.lock"), pins("requirements.server.lock")
    assert server < whole
    assert not [pin for pin in server if pin.startswith(("pytest==", "mypy==", "ruff==", "pgserver=="))]
