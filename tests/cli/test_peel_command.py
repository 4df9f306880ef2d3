import gzip
import json
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


def records(path: Path) -> tuple[list[str], list[pysam.VariantRecord]]:
    with pysam.VariantFile(str(path)) as given:
        return list(given.header.samples), list(given)


def spoil(family: Path, cell: int = 4, site: int = 30) -> tuple[str, str]:
    """Turn a homozygous call of animal a4 into the opposite one; the call before and after."""
    lines = (family / "in.vcf").read_text().split("\n")
    rows = [number for number, line in enumerate(lines) if line.startswith("1\t")]
    for number in rows[site:]:
        fields = lines[number].split("\t")
        # Both parents and the child the same homozygote: nothing else can be right.
        if len({fields[9], fields[10], fields[9 + cell]}) == 1 and fields[9] in ("0/0", "1/1"):
            before, after = fields[9 + cell], "1/1" if fields[9] == "0/0" else "0/0"
            fields[9 + cell] = after
            lines[number] = "\t".join(fields)
            (family / "in.vcf").write_text("\n".join(lines))
            (family / "site.txt").write_text(fields[1])
            return before, after
    raise AssertionError("no such site")


@pytest.mark.parametrize("keep", [False, True])
def test_a_call_that_the_family_contradicts_is_listed_and_replaced_when_asked(family: Path, keep: bool) -> None:
    before, after = spoil(family)
    pos = int((family / "site.txt").read_text())
    report = family / "report"
    done = CliRunner().invoke(app, words(family, "--report", report, *([] if keep else ["--correct"])))
    assert done.exit_code == 0, done.output
    assert "Observed calls that the family contradicts: 1." in done.stderr
    _, found = records(family / "out.vcf.gz")
    (record,) = [one for one in found if one.pos == pos]
    call = record.samples["a4"]
    assert "/".join(map(str, call["GT"])) == (after if keep else before)
    assert record.info["CONTRADICTED"] == 1
    assert call["DS"] == pytest.approx(sum(call["GT"]), abs=0.02)
    assert call["GQ"] == 0 if keep else call["GQ"] > 20
    with gzip.open(family / "out.contradicted.tsv.gz", "rt") as listed:
        (row,) = list(listed)[1:]
    assert row.split("\t")[1] == str(pos)
    assert row.split("\t")[5:8] == ["a4", str(2 * int(after[0])), str(2 * int(before[0]))]
    assert json.loads((report / "report.json").read_text())["chromosomes"][0]["corrected"] == 1


def test_only_new_writes_the_members_without_data(family: Path) -> None:
    assert CliRunner().invoke(app, words(family, "--only-new")).exit_code == 0
    samples, found = records(family / "out.vcf.gz")
    assert samples == ["a7"]
    assert {record.info["NOBS"] for record in found} == {6, 7}


def test_nobody_to_write_is_a_sentence(family: Path) -> None:
    (family / "only.txt").write_text("a4\n")
    done = CliRunner().invoke(app, words(family, "--only-new", "--samples", family / "only.txt"))
    assert done.exit_code != 0
    assert "No animal is left to write" in done.stderr


def test_side_files_hold_what_the_records_hold(family: Path) -> None:
    done = CliRunner().invoke(app, words(family, "--segregation", "--haplotypes"))
    assert done.exit_code == 0, done.output
    samples, found = records(family / "out.vcf.gz")
    with gzip.open(family / "out.haplotypes.tsv.gz", "rt") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    assert rows[0] == ["CHROM", "POS", "ID", "REF", "ALT", *samples]
    for row, record in zip(rows[1:], found, strict=True):
        for cell, call in zip(row[5:], record.samples.values(), strict=True):
            assert sum(map(float, cell.split("|"))) == pytest.approx(call["DS"], abs=0.0021)
    with gzip.open(family / "out.chr1.segregation.tsv.gz", "rt") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    assert rows[0][5:] == [f"a{k}" for k in range(2, 7)]  # a7 and its like tell nothing
    assert len(rows) == 61
    for cell in rows[30][5:]:
        assert sum(map(float, cell.split(","))) == pytest.approx(1, abs=0.003)


def test_alphagenes_text_gives_what_the_vcf_gives(family: Path) -> None:
    assert CliRunner().invoke(app, words(family)).exit_code == 0
    _, from_vcf = records(family / "out.vcf.gz")
    rows = [line.split("\t") for line in (family / "in.vcf").read_text().split("\n") if line.startswith("1\t")]
    text = {"0/0": "0", "0/1": "1", "1/1": "2", "./.": "9"}
    animals = [" ".join([f"a{k}", *(text[row[9 + k]] for row in rows)]) for k in range(7)]
    (family / "in.txt").write_text("\n".join(animals) + "\n")
    (family / "in.bim").write_text("".join(f"1 {row[2]} 0 {row[1]} C A\n" for row in rows))
    given = ["peel", family / "in.txt", "--sites", family / "in.bim", "-p", family / "family.txt", "-t", 1]
    done = CliRunner().invoke(app, [str(word) for word in (*given, "-o", family / "ag.bcf")])
    assert done.exit_code == 0, done.output
    _, from_text = records(family / "ag.bcf")
    assert [str(one).split("\t")[:5] for one in from_text] == [str(one).split("\t")[:5] for one in from_vcf]
    for one, other in zip(from_text, from_vcf, strict=True):
        assert [c["DS"] for c in one.samples.values()] == [c["DS"] for c in other.samples.values()]


def test_loci_without_alleles_get_a_symbol(family: Path) -> None:
    (family / "in.txt").write_text("a0 0 2\na2 1 1\n")
    (family / "in.map").write_text("1 x 0 100\n1 y 0 900\n")
    given = ["peel", family / "in.txt", "--sites", family / "in.map", "-p", family / "family.txt", "-t", 1]
    done = CliRunner().invoke(app, [str(word) for word in (*given, "-o", family / "ag.vcf.gz")])
    assert done.exit_code == 0, done.output
    _, found = records(family / "ag.vcf.gz")
    assert [(one.ref, one.alts) for one in found] == [("N", ("<B>",))] * 2


@pytest.mark.parametrize(
    ("more", "first"), [(("--build", "GRCh38"), 2_781_480), (("--non-par", "1000001-9000000"), 1_000_001)]
)
def test_x_is_peeled_where_its_regions_are_known(family: Path, more: tuple[str, str], first: int) -> None:
    text = (family / "in.vcf").read_text().replace("ID=1,", "ID=X,").replace("\n1\t", "\nX\t")
    (family / "in.vcf").write_text(text)
    done = CliRunner().invoke(app, words(family, *more))
    assert done.exit_code == 0, done.output
    for record in records(family / "out.vcf.gz")[1]:
        assert len(record.samples["a0"]["GT"]) == (1 if record.pos >= first else 2)
        assert len(record.samples["a1"]["GT"]) == 2


def test_doubled_haploids_are_listed_in_a_file(family: Path) -> None:
    (family / "family.txt").write_text("a1 0 0\n" + "".join(f"a{i} a1 a1\n" for i in (0, 2, 3, 4, 5, 6, 7)))
    (family / "dh.txt").write_text("a6\na7\n")
    done = CliRunner().invoke(app, words(family, "--doubled-haploids", family / "dh.txt"))
    assert done.exit_code == 0, done.output
    for record in records(family / "out.vcf.gz")[1]:
        for name in ("a6", "a7"):
            assert len(set(record.samples[name]["GT"])) == 1
    done = CliRunner().invoke(app, words(family, "--non-par", "9-5"))
    assert done.exit_code != 0


@pytest.mark.parametrize("name", ["out.vcf.gz", "out.bcf"])
def test_the_index_finds_every_record(family: Path, name: str) -> None:
    """Of two chromosomes, as htslib finds them that reads the whole file."""
    second = (family / "in.vcf").read_text().replace("\n1\t", "\n2\t").replace("ID=1,", "ID=2,")
    (family / "second.vcf").write_text(second)
    done = CliRunner().invoke(app, ["peel", str(family / "second.vcf"), *words(family, "-o", family / name)[1:]])
    assert done.exit_code == 0, done.output
    with pysam.VariantFile(str(family / name)) as file:
        every = [(record.chrom, record.pos) for record in file]
    assert len({chrom for chrom, _ in every}) == 2
    with pysam.VariantFile(str(family / name)) as file:
        for chrom, pos in every:
            assert [record.pos for record in file.fetch(chrom, pos - 1, pos)] == [pos]
