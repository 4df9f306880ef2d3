from pathlib import Path

import numpy as np

from benchmarks.synthetic import make_people, write_people
from genotypes.maps import GeneticMap
from genotypes.panel import read_panel
from genotypes.read import VcfReader
from tests.support.bundles import make_panel, write_panel

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_people_are_mosaics_and_the_upload_is_their_array_view(tmp_path: Path) -> None:
    write_panel(tmp_path / "panel.bcf", make_panel())
    panel = read_panel(tmp_path / "panel.bcf")
    haplotypes = make_people(panel, GeneticMap.uniform(), 6, 5.0, 3)
    assert haplotypes.shape == (len(panel.sites), 12)
    copied = (haplotypes.T[:, None] == panel.haplotypes.T[None]).all(2)
    assert not copied.any(), "a synthetic haplotype is a whole copy of a real one"
    write_people(tmp_path / "x.vcf.gz", panel, haplotypes, range(0, 400, 7), "GRCh37", phased=False)
    reader = VcfReader(tmp_path / "x.vcf.gz")
    codes = np.concatenate([block.codes for block in reader])
    np.testing.assert_array_equal(codes, (haplotypes[::7, 0::2] + haplotypes[::7, 1::2]))


def test_the_shipped_example_is_what_its_truth_says() -> None:
    truth = read_panel(EXAMPLES / "gsa-chr20.truth.bcf")
    rows = {(int(p), str(a)): v for v, (p, a) in enumerate(zip(truth.sites.pos, truth.sites.alt, strict=True))}
    reader = VcfReader(EXAMPLES / "gsa-chr20.vcf.gz")
    assert list(reader.samples) == truth.samples
    dosage = truth.haplotypes[:, 0::2] + truth.haplotypes[:, 1::2]
    sites = 0
    for block in reader:
        assert not block.phased
        at = [rows[int(p), str(a)] for p, a in zip(block.sites.pos, block.sites.alt, strict=True)]
        np.testing.assert_array_equal(block.codes, dosage[at])
        sites += len(at)
    assert sites == 636
