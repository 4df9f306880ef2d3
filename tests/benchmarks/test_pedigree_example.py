import gzip
from pathlib import Path

import numpy as np
import pysam
import pytest

from benchmarks.pedigree import Herd, score, simulate, write

EXAMPLE = Path(__file__).parents[2] / "examples" / "pedigree"


@pytest.fixture(scope="module")
def herd() -> Herd:
    return simulate()


def test_the_shipped_example_is_what_the_command_writes(herd: Herd, tmp_path: Path) -> None:
    for path in write(herd, tmp_path):
        mine, shipped = path.read_bytes(), (EXAMPLE / path.name).read_bytes()
        if path.suffix == ".gz":
            mine, shipped = gzip.decompress(mine), gzip.decompress(shipped)
        assert mine == shipped, path.name


def test_children_carry_alleles_of_their_true_parents(herd: Herd) -> None:
    for haplotypes in herd.haplotypes.values():
        for child in np.flatnonzero(herd.sire >= 0).tolist():
            for side, parent in enumerate((herd.sire[child], herd.dam[child])):
                assert (haplotypes[:, child, side, None] == haplotypes[:, parent]).any(axis=1).all()
        assert (np.ptp(haplotypes.reshape(len(haplotypes), -1), axis=1) == 1).mean() > 0.95


def test_the_score_of_the_truth_is_one_and_that_of_noise_is_not(herd: Herd, tmp_path: Path) -> None:
    write(herd, tmp_path)
    scored = []
    for flips in (0.0, 0.5):
        rng = np.random.default_rng(1)
        out = tmp_path / f"{flips}.vcf"
        with pysam.VariantFile(str(tmp_path / "truth.vcf.gz")) as given:
            given.header.add_line('##FORMAT=<ID=DS,Number=1,Type=Float,Description="d">')
            with pysam.VariantFile(str(out), "w", header=given.header) as file:
                for record in given:
                    for call in record.samples.values():
                        if rng.random() < flips:
                            call["GT"] = (0, 0)
                        call["DS"] = float(sum(call["GT"]))
                    file.write(record)
        scored.append(score(herd, out))
    assert all((r, right) == (pytest.approx(1), 1) for _, r, right in scored[0].values())
    assert all(right < 0.9 for _, _, right in scored[1].values())
    assert sum(animals for animals, _, _ in scored[0].values()) == len(herd.ids)
