import subprocess
import sys
from pathlib import Path

import pytest

from genotypes import celltext, kernels, sample_stats

ROOT = Path(kernels.__file__).parents[1]
MODULE = """
import sys
import numpy as np
from genotypes.kernels import digest_of, kernel

@kernel("{stamp}", allocates=True, nogil=True)
def squares(values, limit):
    if values[0] > limit:
        raise ValueError("too large")
    out = np.empty(len(values), values.dtype)
    for k in range(len(values)):
        out[k] = values[k] * values[k]
    return out, [float(np.sqrt(v)) for v in out]

found = squares(np.arange(3, dtype=sys.argv[1]), 2)
try:
    squares(np.full(1, 9, sys.argv[1]), 2)
except ValueError as error:
    print(error)
print(found[0].tolist(), found[1], sum(squares.stats.cache_hits.values()), "numba.typed.typeddict" in sys.modules)
"""


@pytest.fixture
def run(tmp_path: Path):
    def go(dtype: str, stamp: str = "1") -> str:
        (tmp_path / "squares.py").write_text(MODULE.format(stamp=stamp))
        command = [sys.executable, str(tmp_path / "squares.py"), dtype]
        done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=True)
        return done.stdout

    return go


def test_kept_kernel_runs_without_what_compiling_needs(run):
    assert run("int32") == "too large\n[0, 1, 4] [0.0, 1.0, 2.0] 0 True\n"
    assert run("int32") == "too large\n[0, 1, 4] [0.0, 1.0, 2.0] 1 False\n"


def test_types_that_were_not_kept_are_compiled(run):
    run("int32")
    assert run("int64") == "too large\n[0, 1, 4] [0.0, 1.0, 2.0] 0 True\n"
    assert run("int32").endswith("1 False\n")


def test_kernel_of_other_sources_is_compiled_anew(run):
    run("int32")
    assert run("int32", "2").endswith("0 True\n")


def test_a_kernel_that_makes_arrays_must_say_so(tmp_path: Path) -> None:
    path = tmp_path / "squares.py"
    path.write_text(MODULE.format(stamp="1").replace("allocates=True, ", ""))
    command = [sys.executable, str(path), "int32"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 1
    assert "out = np.empty(len(values), values.dtype)" in done.stderr


def test_every_file_with_kernels_decides_what_is_stale():
    folder = ROOT / "genotypes"
    users = {path.stem for path in folder.glob("*.py") if "@genotype_kernel" in path.read_text()} - {"kernels"}
    assert users
    assert users <= set(kernels.NAMES)
    stamps = {one._cache._cache_file._source_stamp for one in (celltext.put_lines, sample_stats._pass)}
    assert stamps == {kernels.digest_of(folder, kernels.NAMES)}
