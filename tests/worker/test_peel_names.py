"""One result of a family and a bundle names all chromosomes as the bundle does, also those that it lacks."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pysam
import pytest
from typer.testing import CliRunner

from cli.main import app
from genotypes.builds import LENGTHS
from genotypes.manifest import BundleManifest
from genotypes.sites import SiteTable, strings
from jobs.states import JobState
from models.dae.bundle import Bundle
from tests.reference.peeling_exact import Parents
from tests.support.bundles import EVERY, SITES, make_panel, tiny_library
from tests.support.chains import NAME, Piece, write_chain
from tests.support.fake_engine import FakeBundle
from tests.support.pedigrees import drop
from tests.worker.test_peel_bundle import Setting, job, results
from tests.worker.test_peel_bundle_x import peel
from worker.pipeline.harmonise_options import HarmoniseOptions
from worker.pipeline.peel_folder import Joined, JoinedChromosome, store_sites
from worker.pipeline.peel_frequencies import known_of_store
from worker.pipeline.peel_harmonise import peel_harmonise
from worker.pipeline.peel_meet import Offer, peel_meet
from worker.pipeline.peel_names import bundle_names, name_alike, numbered_sex
from worker.pipeline.peel_read import PeelReadOptions, peel_read

PARENTS: Parents = [(None, None)] * 2 + [(0, 1)] * 3
NAMES = [f"a{row}" for row in range(len(PARENTS))]


def write(folder: Path, contigs: Sequence[str], shift: int = 0, name: str = "in.vcf") -> None:
    """A family typed at every fifth site of the tiny panel on each contig, and its pedigree."""
    panel, rng = make_panel(), np.random.default_rng(3)
    head = ["##fileformat=VCFv4.2", *(f"##contig=<ID={contig}>" for contig in contigs)]
    head.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="GT">')
    head.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *NAMES]))
    for contig in contigs:
        haps = drop(rng, PARENTS, panel.others[:4], 0.002)
        for v in range(0, SITES, EVERY):
            cells = ["/".join(map(str, sorted(one))) for one in haps[:, :, v].tolist()]
            site = [contig, str(panel.pos[v] - shift), ".", panel.ref[v], panel.alt[v], ".", ".", ".", "GT"]
            head.append("\t".join([*site, *cells]))
    (folder / name).write_text("\n".join(head) + "\n")
    (folder / "p.txt").write_text("".join(f"{name} a0 a1\n" for name in NAMES[2:]))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that holds chromosome 20 and writes it so."""
    return tiny_library(tmp_path_factory.mktemp("bundle"))


@pytest.mark.parametrize(
    ("upload", "written", "fmt"),
    [
        (["chr20", "chr21", "chr23", "chrUn_KI1"], ["20", "21", "X", "chrUn_KI1"], "vcf.gz"),
        (["NC_000020.10", "chr21", "chrX", "KI270302.1"], ["20", "21", "X", "KI270302.1"], "bcf"),
    ],
)
def test_the_command_names_all_chromosomes_as_the_bundle_does(
    bundle: Path, tmp_path: Path, upload: list[str], written: list[str], fmt: str
) -> None:
    write(tmp_path, upload)
    out = tmp_path / f"out.{fmt}"
    words = ["peel", tmp_path / "in.vcf", "-p", tmp_path / "p.txt", "-b", bundle, "-o", out, "-t", 1,
             "--build", "GRCh37", "--cycles", 3, "--report", tmp_path / "report", "--segregation",
             "--haplotypes"]  # fmt: skip
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    with pysam.VariantFile(str(out)) as file:
        assert list(file.header.contigs) == written
        counts = {contig: sum(1 for _ in file.fetch(contig)) for contig in written}  # by the index
        assert [record.chrom for record in file.fetch()] == [c for c in written for _ in range(counts[c])]
    assert list(counts.values()) == [SITES, *[SITES // EVERY] * 3]
    with gzip.open(tmp_path / "out.haplotypes.tsv.gz", "rt") as table:
        assert [*dict.fromkeys(line.split("\t")[0] for line in table)][1:] == written
    for label, contig in zip(("chr20", "chr21", "chrX"), written, strict=False):
        with gzip.open(tmp_path / f"out.{label}.segregation.tsv.gz", "rt") as table:
            assert {line.split("\t")[0] for line in table.readlines()[1:]} == {contig}
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    plain = ["20", "21", "X", written[-1].removeprefix("chr")]
    assert [one["chromosome"] for one in report["chromosomes"]] == plain
    assert [one["name"] for one in report["qc"]["chromosomes"]] == plain


def test_lifted_chromosomes_have_the_bundles_names_and_lengths(bundle: Path, tmp_path: Path) -> None:
    for contig in ("chr20", "chr21"):
        write_chain(tmp_path / contig, [Piece(500_000, 505_000, 2_000_000, contig=contig)], contig=contig)
    (tmp_path / "chains").mkdir()
    texts = [(tmp_path / contig / NAME).read_text() for contig in ("chr20", "chr21")]
    (tmp_path / "chains" / NAME).write_text("".join(texts))
    write(tmp_path, ["chr20", "chr21"], shift=5_000)
    _, records = peel(tmp_path, bundle, "--build", "GRCh38", "--chains", tmp_path / "chains")
    panel = make_panel()
    found = {contig: [one.pos for one in records if one.contig == contig] for contig in ("20", "21")}
    assert found == {"20": panel.pos.tolist(), "21": panel.pos[::EVERY].tolist()}
    header = records[0].header
    assert header.contigs["21"].length == LENGTHS["GRCh37"]["21"]
    assert list(header.contigs) == ["20", "21"]


def test_a_job_names_each_file_as_the_bundle_does(bundle: Path, tmp_path: Path) -> None:
    write(tmp_path, ["chr20", "chr21"])
    (tmp_path / "p.txt").rename(tmp_path / "family.txt")
    setting = Setting(tmp_path, bundle, None, None)  # type: ignore[arg-type]
    place, row = job(setting, tmp_path, "auto")
    assert (row.state, row.error) == (JobState.complete, None)
    got = results(place, row.id, tmp_path / "got")
    for contig in ("20", "21"):
        with pysam.VariantFile(str(got[f"chr{contig}.dose.vcf.gz"])) as file:
            assert list(file.header.contigs) == [contig]
            assert {record.chrom for record in file.fetch(contig)} == {contig}


def test_23_and_x_of_two_files_are_one_chromosome_of_people(bundle: Path, tmp_path: Path) -> None:
    write(tmp_path, ["chr20", "chr23"])
    write(tmp_path, ["X", "21"], name="more.vcf")
    words = ["peel", tmp_path / "in.vcf", tmp_path / "more.vcf", "-p", tmp_path / "p.txt", "-t", 1, "--cycles", 3]
    found: dict[str, dict[str, int]] = {}
    for name, more in (("with", ["-b", bundle]), ("without", [])):
        out = tmp_path / f"{name}.vcf.gz"
        done = CliRunner().invoke(app, [str(word) for word in [*words, *more, "-o", out, "--build", "GRCh37"]])
        assert done.exit_code == 0, done.output
        with pysam.VariantFile(str(out)) as file:
            found[name] = {contig: len(list(file.fetch(contig))) for contig in map(str, file.header.contigs)}
    typed = SITES // EVERY
    assert found == {"with": {"20": SITES, "X": typed, "21": typed},
                     "without": {"chr20": typed, "chr23": typed, "chr21": typed}}  # fmt: skip


def test_sex_chromosomes_by_number_need_the_build_of_people(bundle: Path, tmp_path: Path) -> None:
    """Nothing tells that 23 is X but the bundle, when its males have been read as diploid."""
    write(tmp_path, ["20", "23"])
    report, records = peel(tmp_path, bundle)
    assert {record.contig for record in records} == {"20"}
    (note,) = [one for one in report["qc"]["notes"] if one["code"] == "not_an_autosome"]  # type: ignore[index]
    assert (note["chromosome"], note["count"]) == ("23", SITES // EVERY)
    words = ["peel", tmp_path / "in.vcf", "-p", tmp_path / "p.txt", "-b", bundle, "-o", tmp_path / "out.vcf.gz"]
    done = CliRunner().invoke(app, [str(word) for word in [*words, "--strict"]])
    assert done.exit_code
    assert "State the build, such as GRCh37" in done.output
    write(tmp_path, ["23"])
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code
    assert "Contig 23 is no autosome of people" in done.output


def test_23_of_cattle_meets_23_of_their_bundle(bundle: Path) -> None:
    cattle = _Names(replace(Bundle.open(bundle).manifest, build="ARS-UCD1.2"), ["chr4", "chr23", "chrX"])
    assert bundle_names(cattle) == {"4": "chr4", "23": "chr23", "X": "chrX"}  # type: ignore[arg-type]
    one = JoinedChromosome("23", "23", "chr23", None, "c0", 5, [5])
    assert numbered_sex([one], cattle) == []  # type: ignore[arg-type]


def test_the_choice_for_cattle_finds_the_bundle_with_their_23(tmp_path: Path) -> None:
    """The same sites stand under X in the other one."""
    write(tmp_path, ["23"])
    peel_read([tmp_path / "in.vcf"], tmp_path / "p.txt", tmp_path / "read", PeelReadOptions())
    qc = peel_harmonise(tmp_path / "read", tmp_path / "joined").qc
    panel = make_panel()
    sites = SiteTable("x", panel.pos, strings(panel.ref), strings(panel.alt), strings(["."] * SITES))
    views = {}
    for contig in ("X", "chr23"):
        view = FakeBundle({contig: replace(sites, chrom=contig)}, "ARS-UCD1.2", length=None)
        views[view.manifest.content_id()] = view
        view.manifest = replace(view.manifest, id=view.manifest.content_id())
    offer = Offer(None, [view.manifest for view in views.values()], views.__getitem__)
    chosen = peel_meet(tmp_path / "joined", offer, HarmoniseOptions(), qc)
    assert list(views[chosen].tables) == ["chr23"]
    (one,) = Joined.open(tmp_path / "joined").chromosomes
    assert (one.contig, one.bundle, one.sites) == ("chr23", "chr23", SITES // EVERY)


def test_names_of_a_bundle_with_chr(bundle: Path, tmp_path: Path) -> None:
    """Also where it has a chromosome of which no site is shared, and never a name that another chromosome has."""
    panel = make_panel()
    sites = SiteTable("x", panel.pos, strings(panel.ref), strings(panel.alt), strings(["."] * SITES))
    view = _Names(Bundle.open(bundle).manifest, ["chr20", "chr22", "chrM"])
    given = []
    for number, contig in enumerate(("20", "21", "22", "23", "020")):
        replace(sites, chrom=contig).save(tmp_path / f"c{number}.sites.npz")
        held = "chr20" if contig == "20" else None
        given.append(JoinedChromosome(contig, held or contig, "", 7, f"c{number}", SITES, [SITES], bundle=held))
    named = name_alike(tmp_path, given, view, moved=False)  # type: ignore[arg-type]
    assert [one.contig for one in named] == ["chr20", "chr21", "chr22", "chrX", "020"]
    assert [store_sites(tmp_path, one.store).chrom for one in named[1:]] == ["chr21", "chr22", "chrX", "020"]
    assert {one.length for one in named} == {7}


@dataclass(frozen=True)
class _Names:
    """What a bundle says of its chromosomes."""

    manifest: BundleManifest
    chromosomes: list[str]


def test_a_table_of_frequencies_may_write_x_as_23(tmp_path: Path) -> None:
    write(tmp_path, ["X"])
    panel = make_panel()
    (tmp_path / "p.txt").write_text("".join(f"{name} MF_a MF_b\n" for name in NAMES))
    (tmp_path / "f.tsv").write_text(
        "CHROM\tPOS\tREF\tALT\tMF_a\tMF_b\n" + f"chr23\t{panel.pos[0]}\t{panel.ref[0]}\t{panel.alt[0]}\t.2\t.3\n"
    )
    options = PeelReadOptions(frequencies=(tmp_path / "f.tsv", "f.tsv"))
    peel_read([tmp_path / "in.vcf"], tmp_path / "p.txt", tmp_path / "read", options)
    for build, held in (("GRCh37", 1), ("ARS-UCD1.2", 0)):
        bounds = (1, 2)
        peel_harmonise(tmp_path / "read", tmp_path / build, build, non_par=bounds)
        known = known_of_store(tmp_path / build, "c0")
        assert known is not None
        assert int((~np.isnan(known)).any(axis=1).sum()) == held
