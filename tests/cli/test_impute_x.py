"""X of a bundle made of a panel of women and men, through `tessera impute`: GRCh37 and GRCh38, every way to write men.

People are mosaics of a few founders; men have one haplotype between the pseudoautosomal regions. Sites stand on the
first and last base pair of each region.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pysam
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from cli.main import app
from genotypes import codes as gt
from genotypes.builds import LENGTHS, PAR
from genotypes.mosaic import mosaics
from models.haplotypes.engine import CopyingOptions
from models.haplotypes.genome import train_genome
from models.haplotypes.genome_options import GenomeOptions
from tests.support.filesets import COUNTS, write_fileset
from tests.support.vcf import gt_strings, write_vcf

PANEL, TARGET = 120, 24  # people; those with even numbers are men
BUILDS = ("GRCh37", "GRCh38")


@dataclass(frozen=True)
class People:
    """X of everybody in one build."""

    build: str
    pos: NDArray[np.int32]  # (V,)
    non_par: NDArray[np.bool_]  # (V,)
    haplotypes: NDArray[np.int8]  # (V, 2 * people); both of a man are one outside PAR

    @property
    def contig(self) -> str:
        return "X" if self.build == "GRCh37" else "chrX"

    def codes(self, who: Sequence[int]) -> gt.Codes:
        """(V, S) unphased, men haploid in nonPAR."""
        first, second = (self.haplotypes[:, [2 * one + k for one in who]] for k in range(2))
        out = (first + second).astype(np.int8)
        men = np.array([one % 2 == 0 for one in who])
        where = self.non_par[:, None] & men
        out[where] = np.where(first == 1, gt.HAP_ALT, gt.HAP_REF)[where]
        return out


@cache
def people(build: str) -> People:
    (_, end1), (start2, end2) = PAR[build]
    rng = np.random.default_rng(3)
    edges = [end1, end1 + 1, start2 - 1, start2]
    inside = [(end1 - 400_000, end1), (end1 + 1, end1 + 600_000), (start2 - 600_000, start2), (start2, end2)]
    pos = np.unique([*edges, *(one for a, b in inside for one in rng.integers(a, b, 120))]).astype(np.int32)
    founders = (rng.random((10, len(pos))) < rng.choice([0.15, 0.3, 0.5], len(pos))).astype(np.int8)
    # Map units that run on over the gap between the two ends, which stand side by side here.
    rows = mosaics(rng, founders, np.arange(len(pos)) * 0.02, 2 * (PANEL + TARGET), 1.0).T.copy()
    non_par = (pos > end1) & (pos < start2)
    men = np.arange(0, PANEL + TARGET, 2)
    rows[np.ix_(non_par, 2 * men + 1)] = rows[np.ix_(non_par, 2 * men)]
    return People(build, pos, non_par, rows)


def name(one: int) -> str:
    return f"{'MF'[one % 2]}{one}"


@pytest.fixture(scope="module", params=BUILDS)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[People, Path]:
    """A build's people, and the bundle of those of the panel."""
    held, folder = people(request.param), tmp_path_factory.mktemp(request.param)
    header = pysam.VariantHeader()
    header.add_line(f"##contig=<ID={held.contig},length={LENGTHS[held.build]['X']}>")
    header.add_line('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    for one in range(PANEL):
        header.add_sample(name(one))
    with pysam.VariantFile(str(folder / "panel.bcf"), "w", header=header) as out:
        for row, pos in enumerate(held.pos.tolist()):
            record = out.new_record(contig=held.contig, start=pos - 1, alleles=("A", "G"))
            for one, call in enumerate(record.samples.values()):
                pair = tuple(int(a) for a in held.haplotypes[row, 2 * one : 2 * one + 2])
                call["GT"] = pair[:1] if held.non_par[row] and one % 2 == 0 else pair
                call.phased = True
            out.write(record)
    options = GenomeOptions(
        (folder / "panel.bcf",),
        (),
        folder / "x",
        "x",
        held.build,
        ancestry=False,
        model=CopyingOptions(sweeps=6),
        tile_sites=300,
    )
    train_genome(options, lambda _what, _done: None)
    return held, folder / "x"


WHO = tuple(range(PANEL, PANEL + TARGET))


def files(folder: Path, held: People, way: str) -> list[Path]:
    """The target at every fourth site."""
    rows = np.arange(0, len(held.pos), 4)
    codes = held.codes(WHO)[rows]
    pos, ids = held.pos[rows].tolist(), [name(one) for one in WHO]
    if way != "haploid":
        codes = gt.as_diploid(codes)
    if way == "heterozygous":
        codes[np.ix_(np.flatnonzero(held.non_par[rows])[:2], [0, 2])] = gt.HET
    text = gt_strings(codes)
    if way in ("25", "XY"):
        sites = [("23" if held.non_par[row] else way, f"r{row}", str(held.pos[row]), "G", "A") for row in rows]
        fam = [f"0 {name(one)} 0 0 {1 + one % 2} -9" for one in WHO]
        order = sorted(range(len(rows)), key=lambda k: sites[k][0] != "23")  # as PLINK sorts them
        calls = [[COUNTS[cell] for cell in text[k]] for k in order]
        return write_fileset(folder / "x", [sites[k] for k in order], calls, fam)
    return [write_vcf(folder / "x.vcf", held.contig, pos, ["A"] * len(pos), ["G"] * len(pos), text, ids)]


@pytest.mark.parametrize("way", ["haploid", "diploid", "heterozygous", "25", "XY"])
def test_men_have_one_copy_between_the_regions_of_their_build(
    bundle: tuple[People, Path], tmp_path: Path, way: str
) -> None:
    held, folder = bundle
    words = [*files(tmp_path, held, way), "-b", folder, "-o", tmp_path / "out.vcf.gz", "-t", 1, "--report", tmp_path]
    done = CliRunner().invoke(app, ["impute", *map(str, words)])
    assert done.exit_code == 0, done.output
    truth = held.codes(WHO)
    men = np.array([one % 2 == 0 for one in WHO])
    with pysam.VariantFile(str(tmp_path / "out.vcf.gz")) as found:
        records = list(found)
        assert list(found.header.samples) == [name(one) for one in WHO]
    assert [record.pos for record in records] == held.pos.tolist()
    imputed, expected = [], []
    for row, record in enumerate(records):
        calls = record.samples.values()
        haploid = men & held.non_par[row]
        assert [len(call["GT"]) for call in calls] == np.where(haploid, 1, 2).tolist()
        dosage = np.array([call["DS"] for call in calls], float)
        assert (dosage <= np.where(haploid, 1, 2)).all()
        if "TYPED" not in record.info:
            imputed.append(dosage)
            expected.append(gt.dosage(truth[row]))
    assert np.corrcoef(np.ravel(imputed), np.ravel(expected))[0, 1] ** 2 > 0.8
    assert ("x_male_heterozygotes" in (tmp_path / "qc.json").read_text()) == (way == "heterozygous")


def test_whoever_is_neither_is_named_and_the_rest_goes_on(bundle: tuple[People, Path], tmp_path: Path) -> None:
    held, folder = bundle
    (path,) = files(tmp_path, held, "diploid")
    lines = path.read_text().splitlines()
    number = 0
    for k, line in enumerate(lines):
        cells = line.split("\t")
        if not line.startswith("#") and cells[10] == "0/1":
            number += 1
            cells[10] = "0/0" if number % 2 else "0/1"  # the first woman loses half of her heterozygotes
            lines[k] = "\t".join(cells)
    path.write_text("\n".join(lines) + "\n")
    words = [path, "-b", folder, "-o", tmp_path / "out.vcf.gz", "-t", 1, "--report", tmp_path]
    done = CliRunner().invoke(app, ["impute", *map(str, words)])
    assert done.exit_code == 0, done.output
    report = (tmp_path / "report.html").read_text()
    assert f"The genotypes of &#39;{name(WHO[1])}&#39; do not tell its sex" in report
    with pysam.VariantFile(str(tmp_path / "out.vcf.gz")) as found:
        inside = [record for record in found if held.non_par[np.searchsorted(held.pos, record.pos)]]
    assert {tuple(len(call["GT"]) for call in record.samples.values()) for record in inside} == {(1, 2) * (TARGET // 2)}
