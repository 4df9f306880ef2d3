from pathlib import Path

import numpy as np
import pysam
import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.support.pedigrees import drop

CHILDREN = 6


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """A couple and four children typed at 60 sites, a child typed at every sixth, one at none, and a stranger."""
    rng = np.random.default_rng(4)
    parents = [(None, None)] * 2 + [(0, 1)] * CHILDREN
    haps = drop(rng, parents, rng.integers(0, 2, (4, 60)).astype(np.int8), 0.001)
    names = [f"a{i}" for i in range(7)]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names, "z"]
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=1,length=9000000>"]
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">', "\t".join(columns)]
    for site in range(60):
        calls = ["/".join(map(str, sorted(haps[i, :, site]))) for i in range(6)]
        calls += ["/".join(map(str, sorted(haps[6, :, site]))) if site % 6 == 0 else "./.", "0/0"]
        lines.append("\t".join(["1", str(site * 100_000 + 1), f"s{site}", "A", "C", ".", "PASS", ".", "GT", *calls]))
    (tmp_path / "in.vcf").write_text("\n".join(lines) + "\n")
    children = "".join(f"a{i} a0 a1\n" for i in range(2, 2 + CHILDREN))
    (tmp_path / "family.txt").write_text("a0 0 0\na1 0 0\n" + children)
    np.save(tmp_path / "haps.npy", haps)
    return tmp_path


def words(family: Path, *more: object) -> list[str]:
    given = ["peel", family / "in.vcf", "--pedigree", family / "family.txt", "-o", family / "out.vcf.gz", "-t", 1]
    return [str(word) for word in (*given, *more)]


def test_every_member_is_written_phased_by_parent(family: Path) -> None:
    done = CliRunner().invoke(app, words(family))
    assert done.exit_code == 0, done.output
    assert "8 animals (7 typed), 60 sites" in done.output
    assert "left out: z" in done.output
    truth = np.load(family / "haps.npy").sum(axis=1)
    with pysam.VariantFile(str(family / "out.vcf.gz")) as given:
        assert list(given.header.samples) == [f"a{i}" for i in range(8)]
        records = list(given)
        called = np.array([[sum(call["GT"]) for call in record.samples.values()] for record in records]).T
        for record in records:
            assert {"AF", "R2"} <= set(record.info)
            for call in record.samples.values():
                assert call.phased
                assert sum(call["GP"]) == pytest.approx(1, abs=1e-6)
                assert call["DS"] == pytest.approx(call["GP"][1] + 2 * call["GP"][2], abs=1e-6)
                assert 0 <= call["GQ"] <= 99
    assert (called[:6] == truth[:6]).mean() > 0.99
    assert (called[6] == truth[6]).mean() > 0.8
    assert (family / "out.vcf.gz.tbi").exists()


def test_a_subset_is_written_in_the_order_asked_for(family: Path) -> None:
    (family / "only.txt").write_text("a4\na2\n")
    assert CliRunner().invoke(app, words(family, "--only", family / "only.txt")).exit_code == 0
    with pysam.VariantFile(str(family / "out.vcf.gz")) as given:
        assert list(given.header.samples) == ["a4", "a2"]


def test_an_unknown_animal_is_a_sentence(family: Path) -> None:
    (family / "only.txt").write_text("nobody\n")
    done = CliRunner().invoke(app, words(family, "--only", family / "only.txt"))
    assert done.exit_code == 4
    assert "nobody" in done.stderr
    assert not (family / "out.vcf.gz").exists()


@pytest.mark.parametrize("chrom", ["X", "chrX", "chrM", "Z"])
def test_a_sex_chromosome_is_refused_and_not_taken_for_an_autosome(family: Path, chrom: str) -> None:
    text = (family / "in.vcf").read_text().replace("ID=1,", f"ID={chrom},").replace("\n1\t", f"\n{chrom}\t")
    (family / "in.vcf").write_text(text)
    done = CliRunner().invoke(app, words(family))
    assert done.exit_code != 0
    assert f"Chromosome {chrom} is not inherited" in done.stderr
    assert not (family / "out.vcf.gz").exists()
