"""Vectors in kernels, and what is kept of compiled kernels."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genotypes.kernels import digest_of
from models import haplotypes, lanes, peeling
from models.haplotypes import compiled as copying_kernels
from models.haplotypes import matches, person
from models.lanes import aligned, fill, inlined, largest, load, most, store, swap_1, swap_2
from models.peeling import compiled as peeling_kernels
from models.peeling import locus, segregation
from models.peeling.compiled import kernel, making_kernel

MODELS = Path(lanes.__file__).parent


@inlined
def _combined(a, b):
    return a * b + a / b - fill(2.0)


@kernel
def _vectors(x, y, out):
    a, b = load(x, 0), load(y, 3)
    store(out, 0, _combined(a, b))
    store(out, 8, most(a, b))
    store(out, 16, swap_1(a))
    store(out, 24, swap_2(a))
    return largest(a)


@making_kernel
def _address(size):
    return aligned(size, np.float32).ctypes.data, len(aligned(size, np.float32))


def test_vectors_are_eight_numbers_each() -> None:
    rng = np.random.default_rng(0)
    x, y, out = rng.random(8), rng.random(11), np.empty(32)
    assert _vectors(x, y, out) == x.max()
    b = y[3:]
    assert np.allclose(out[:8], x * b + x / b - 2)
    assert np.array_equal(out[8:16], np.maximum(x, b))
    assert np.array_equal(out[16:24], x.reshape(4, 2)[:, ::-1].ravel())
    assert np.array_equal(out[24:], x.reshape(2, 2, 2)[:, ::-1].ravel())


def test_aligned_arrays_begin_on_a_cache_line() -> None:
    for size in (1, 17, 1000):
        at, length = _address(size)
        assert at % 64 == 0
        assert length == size


@pytest.mark.parametrize(
    ("room", "compiled", "kernels"),
    [
        (peeling, peeling_kernels, (locus.peel_loci, segregation.smooth)),
        (haplotypes, copying_kernels, (person.impute_people, matches.shared)),
    ],
)
def test_every_file_with_kernels_decides_what_is_stale(room, compiled, kernels) -> None:
    """A kernel whose parts changed must not be loaded from what was kept of the old ones."""
    folder = Path(room.__file__).parent
    assert {path.stem for path in folder.glob("*.py") if _has_kernels(path)} == set(compiled.NAMES)
    stamps = {one._cache._cache_file._source_stamp for one in kernels}
    assert stamps == {digest_of(folder, compiled.NAMES) + digest_of(MODELS, ("lanes",))}
    assert _has_kernels(MODELS / "lanes.py")
    assert [path.stem for path in MODELS.glob("*.py") if _has_kernels(path)] == ["lanes"]


def _has_kernels(path: Path) -> bool:
    """Whether a module has a function that a decorator, or a call of one, compiles."""
    names = {"kernel", "inlined", "intrinsic"}
    for node in ast.walk(ast.parse(path.read_text())):
        called = [node.func] if isinstance(node, ast.Call) else []
        decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
        if any(isinstance(one, ast.Name) and one.id in names for one in [*called, *decorators]):
            return True
    return False


@pytest.mark.slow
def test_compiling_leaves_nothing_to_compile_at_the_first_peeling() -> None:
    """After `models.peeling.compile` a process that peels another family finds every kernel kept."""
    subprocess.run([sys.executable, "-m", "models.peeling.compile"], check=True)
    code = (
        "import numpy as np\n"
        "from models.peeling import copying, lander_green, locus, segregation\n"
        "from models.peeling.engine import Peeling\n"
        "from models.peeling.options import Options\n"
        "from models.peeling.penetrance import from_calls\n"
        "from models.peeling.population import PopulationOptions\n"
        "from tests.support.pedigrees import pedigree_of\n"
        "family = pedigree_of([(None, None)] * 3 + [(0, 1)] * 3 + [(2, 4)] * 9 + [(5, 6)])\n"
        "data = from_calls(np.ones((300, 16), np.int8))\n"
        "data.index.flags.writeable = False\n"
        "peeling = Peeling(family, data, np.arange(300.0), Options(cycles=4, population=PopulationOptions(least=0)))\n"
        "peeling.run()\n"
        "list(peeling.blocks())\n"
        "for one in (locus.peel_loci, segregation.smooth, copying.copy_some):\n"
        "    assert one.stats.cache_hits and not one.stats.cache_misses, one\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=MODELS.parent)
