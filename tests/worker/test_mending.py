"""What is mended on the way to the bundle, what the switches do, and what strict mode refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest

from errors import Code, TesseraError
from genotypes.chain import read_chain
from genotypes.liftover import lift
from genotypes.mending import ALL, Mend, QcOptions, mend_text, parse_mend
from genotypes.sites import SiteTable, strings
from models.dae.bundle import Bundle
from tests.support.chains import Piece, write_chain
from tests.support.cohorts import FIRST, NO_QC, cohort, cohort_bundle, flip_rows, meet_bundle, palindromes, swap_rows
from tests.support.fake_engine import FakeBundle
from tests.support.uploads import CONTIGS_37, CONTIGS_38, Upload
from tests.support.vcf import gt_strings, write_vcf
from worker.pipeline.folder import Harmonised, Ingested
from worker.pipeline.harmonise import HarmoniseOptions, harmonise
from worker.pipeline.ingest import ingest

BUNDLE = cohort_bundle()
CLEAN = cohort(BUNDLE)
PLAIN = np.flatnonzero(~palindromes(BUNDLE)).tolist()
DOUBTFUL = np.flatnonzero(palindromes(BUNDLE)).tolist()


def options(*mend: Mend, **more: object) -> HarmoniseOptions:
    return HarmoniseOptions(mend=frozenset(mend), qc=NO_QC, **more)  # type: ignore[arg-type]


def first_chromosome(folder: Path, upload: Upload, how: HarmoniseOptions) -> dict[str, object]:
    folder.mkdir()
    return meet_bundle(folder, upload, BUNDLE, how)[0].qc["chromosomes"][0]


def test_switches_are_written_and_read() -> None:
    assert parse_mend("all") == ALL
    assert parse_mend("none") == parse_mend("") == frozenset()
    assert parse_mend(" Swap, flip ") == {Mend.swap, Mend.flip}
    for mend in (ALL, frozenset(), frozenset({Mend.swap, Mend.liftover})):
        assert parse_mend(mend_text(mend)) == mend
    with pytest.raises(ValueError, match="'sort'"):
        parse_mend("swap,sort")


def test_thresholds_come_from_the_fields_of_a_job() -> None:
    assert QcOptions.from_fields({"qc_hwe": 1e-4, "mend": "all"}) == QcOptions(hwe=1e-4)


def test_swap_and_flip_can_be_switched_off(tmp_path: Path) -> None:
    upload = flip_rows(swap_rows(CLEAN, PLAIN[:7]), PLAIN[4:9])
    expected = {"all": 0, "swap": 5, "flip": 7, "none": 9}
    for name, count in expected.items():
        found = first_chromosome(tmp_path / name, upload, options(*parse_mend(name)))
        assert found["not_mended"] == count, name
        assert found["matched"] == len(CLEAN.pos) - count - found["ambiguous_strand"], name


def test_palindromes_are_kept_where_the_file_is_on_one_strand(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    qc = meet_bundle(tmp_path / "a", CLEAN, BUNDLE, HarmoniseOptions(strict=True))[0].qc
    assert "taken as written" in qc["strand"]["message"]
    found = qc["chromosomes"][0]
    assert (found["strand"], found["palindromic"]) == ("forward", len(DOUBTFUL))
    assert (found["palindromic_flipped"], found["ambiguous_strand"]) == (0, 0)


def test_palindromes_of_a_mixed_file_go_by_frequency(tmp_path: Path) -> None:
    upload = flip_rows(CLEAN, PLAIN[::2] + DOUBTFUL[::2])
    found = first_chromosome(tmp_path / "a", upload, options(*ALL))
    assert found["strand"] == "unknown"
    assert meet_bundle(tmp_path, upload, BUNDLE, options(*ALL))[0].qc["strand"]["ambiguous"] > 0
    assert 0.5 * len(DOUBTFUL[::2]) < found["palindromic_flipped"] <= len(DOUBTFUL[::2])
    assert 0 < found["ambiguous_strand"] < len(DOUBTFUL) / 2
    left = first_chromosome(tmp_path / "b", upload, options(*(ALL - {Mend.palindromic})))
    assert (left["palindromic_flipped"], left["ambiguous_strand"]) == (0, left["palindromic"])


def test_palindromes_of_the_other_strand_are_not_taken_as_written(tmp_path: Path) -> None:
    """With the switch off they would be read wrongly, and nobody would see it."""
    upload = flip_rows(CLEAN, list(range(len(CLEAN.pos))))
    (tmp_path / "off").mkdir()
    qc = meet_bundle(tmp_path / "off", upload, BUNDLE, options(*(ALL - {Mend.palindromic})))[0].qc
    found = qc["chromosomes"][0]
    assert (found["strand"], found["not_mended"]) == ("reverse", len(DOUBTFUL))
    assert found["matched"] == len(CLEAN.pos) - len(DOUBTFUL)
    assert "were not used" in qc["strand"]["message"]
    kept = first_chromosome(tmp_path / "forward", CLEAN, options(*(ALL - {Mend.palindromic})))
    assert kept["matched"] == len(CLEAN.pos)


def test_a_site_without_alt_is_a_palindrome_where_the_bundles_is_one(tmp_path: Path) -> None:
    """A file of the other strand writes the REF homozygotes of an A/T site with the base that is ALT here."""
    upload = flip_rows(CLEAN, list(range(len(CLEAN.pos))))
    row = DOUBTFUL[0]
    upload.alt[row], upload.gts[row] = ".", ["0/0"] * 60
    assert upload.ref[row] == BUNDLE.sites("20").alt[row]
    _, codes = meet_bundle(tmp_path, upload, BUNDLE)
    assert codes[row].tolist() == [0] * 60


def test_without_frequencies_palindromes_of_a_mixed_file_are_left_out(tmp_path: Path) -> None:
    bare = FakeBundle({"20": replace(BUNDLE.sites("20"), af=None)}, length=None)
    upload = flip_rows(CLEAN, PLAIN[::2])
    summary, codes = meet_bundle(tmp_path, upload, bare, options(*ALL))
    assert summary.qc["chromosomes"][0]["ambiguous_strand"] == len(DOUBTFUL)
    assert (codes[DOUBTFUL] == -1).all()


def test_strict_refuses_a_strand_that_nothing_tells(tmp_path: Path) -> None:
    bare = FakeBundle({"20": replace(BUNDLE.sites("20"), af=None)}, length=None)
    few = CLEAN.rows(DOUBTFUL[:5] + PLAIN[:5])
    with pytest.raises(TesseraError) as caught:
        meet_bundle(tmp_path, few, bare, HarmoniseOptions(strict=True, qc=NO_QC))
    assert caught.value.code is Code.strand_ambiguous


def repeat(upload: Upload, row: int, calls: list[str]) -> Upload:
    """The record once more, with REF and ALT in the other order."""
    again = swap_rows(replace(upload, gts=[calls if one == row else gts for one, gts in enumerate(upload.gts)]), [row])
    rows = list(range(row + 1))
    both = upload.rows(list(range(len(upload.pos))))
    for name in ("chrom", "pos", "ref", "alt", "gts"):
        getattr(both, name).insert(len(rows), getattr(again, name)[row])
    return both


def test_repeats_are_merged_or_dropped(tmp_path: Path) -> None:
    row = PLAIN[0]
    calls = ["./."] * 20 + ["0/1"] * 40
    more = ["1/1"] * 20 + ["0/0"] * 1 + ["0/1"] * 38 + ["./."]
    upload = replace(CLEAN, gts=[calls if one == row else gts for one, gts in enumerate(CLEAN.gts)])
    upload = repeat(upload, row, more)
    (tmp_path / "a").mkdir()
    summary, codes = meet_bundle(tmp_path / "a", upload, BUNDLE)
    assert codes[row].tolist() == [2] * 20 + [-1] + [1] * 39
    found = summary.qc["chromosomes"][0]
    assert (found["merged"], found["discordant"], found["duplicate_positions"]) == (1, 1, 0)
    (tmp_path / "b").mkdir()
    summary, codes = meet_bundle(tmp_path / "b", upload, BUNDLE, options(*(ALL - {Mend.duplicates})))
    assert codes[row].tolist() == [2] * 20 + [0] + [1] * 38 + [-1]
    assert summary.qc["chromosomes"][0]["duplicate_positions"] == 1


def indel_bundle() -> FakeBundle:
    """Behind the plain sites: a deletion and an insertion in a repeat, and a single base that uploads write longer."""
    plain = BUNDLE.sites("20")
    last = int(plain.pos[-1])
    rows = [(last + 1000, "CA", "C"), (last + 2000, "G", "GTT"), (last + 3001, "C", "T")]
    pos, ref, alt = zip(*rows, strict=True)
    assert plain.af is not None
    table = SiteTable(
        "20",
        np.concatenate([plain.pos, np.array(pos, np.int32)]),
        strings([*plain.ref, *ref]),
        strings([*plain.alt, *alt]),
        strings([*plain.id, *["."] * 3]),
        np.concatenate([plain.af, np.full(3, 0.3, np.float32)]),
    )
    return FakeBundle({"20": table}, length=None)


def with_indels(rows: list[tuple[int, str, str]]) -> Upload:
    pos, ref, alt = zip(*rows, strict=True)
    calls = [["0/0", "0/1", "1/1"] * 20 for _ in rows]
    return replace(
        CLEAN,
        chrom=[*CLEAN.chrom, *["20"] * len(rows)],
        pos=[*CLEAN.pos, *pos],
        ref=[*CLEAN.ref, *ref],
        alt=[*CLEAN.alt, *alt],
        gts=[*CLEAN.gts, *calls],
    )


def test_variants_written_with_shared_bases_are_matched(tmp_path: Path) -> None:
    bundle = indel_bundle()
    last = int(BUNDLE.sites("20").pos[-1])
    written = with_indels([(last + 1000, "CAT", "CT"), (last + 2000, "GTTA", "GA"), (last + 3000, "GCA", "GTA")])
    (tmp_path / "a").mkdir()
    summary, codes = meet_bundle(tmp_path / "a", written, bundle)
    assert codes[-3:].tolist() == [[0, 1, 2] * 20, [2, 1, 0] * 20, [0, 1, 2] * 20]
    assert summary.qc["chromosomes"][0]["realigned"] == 3
    (tmp_path / "b").mkdir()
    summary, codes = meet_bundle(tmp_path / "b", written, bundle, options(*(ALL - {Mend.indels})))
    assert (codes[-3:] == -1).all()


def test_shifted_indels_are_matched_with_a_reference(tmp_path: Path) -> None:
    bundle = indel_bundle()
    last = int(BUNDLE.sites("20").pos[-1])
    genome = bytearray(b"G" * (last + 4000))
    genome[last + 999 : last + 1005] = b"CAAAAT"
    (tmp_path / "genomes").mkdir()
    (tmp_path / "genomes" / "hg19.fa").write_text(">20\n" + genome.decode() + "\n")
    pysam.faidx(str(tmp_path / "genomes" / "hg19.fa"))
    shifted = with_indels([(last + 1003, "AA", "A")])
    for name, references, expected in (("with", tmp_path / "genomes", [0, 1, 2] * 20), ("without", None, [-1] * 60)):
        (tmp_path / name).mkdir()
        _, codes = meet_bundle(tmp_path / name, shifted, bundle, options(*ALL, references=references))
        assert codes[-3].tolist() == expected, name


SHIFT = 19_354
LIFTED = replace(CLEAN, pos=[pos + SHIFT for pos in CLEAN.pos], contigs=dict(CONTIGS_38))


@pytest.fixture
def chains(tmp_path: Path) -> Path:
    return write_chain(tmp_path / "chains", [Piece(FIRST + SHIFT - 10, FIRST - 10, 250_000)])


def test_another_build_is_lifted_and_what_is_lost_is_listed(tmp_path: Path, chains: Path) -> None:
    summary, codes = meet_bundle(tmp_path, LIFTED, BUNDLE, options(*ALL, chains=chains))
    build = summary.qc["build"]
    assert (build["detected"], build["lifted"], build["confidence"]) == ("GRCh38", True, 1.0)
    found = {note["code"]: note for note in summary.qc["notes"]}
    assert found["lifted"]["count"] == 250
    assert found["not_lifted"]["count"] == 50
    assert "50 unmapped" in found["not_lifted"]["message"]
    assert summary.qc["chromosomes"][0]["removed"] == 50
    assert (codes[:250] >= 0).any(axis=1).all()
    assert (codes[250:] == -1).all()


def test_ref_of_lifted_sites_that_the_bundle_lacks_is_checked_with_a_reference(tmp_path: Path, chains: Path) -> None:
    sites = BUNDLE.sites("20")
    genome = bytearray(b"G" * (int(sites.pos[-1]) + 1000))
    (tmp_path / "genomes").mkdir()
    (tmp_path / "genomes" / "GRCh37.fa").write_text(">chr20\n" + genome.decode() + "\n")
    pysam.faidx(str(tmp_path / "genomes" / "GRCh37.fa"))
    more = replace(
        LIFTED,
        chrom=["20", "20", *LIFTED.chrom],
        pos=[FIRST + SHIFT - 5, FIRST + SHIFT - 4, *LIFTED.pos],
        ref=["G", "A", *LIFTED.ref],
        alt=["A", "G", *LIFTED.alt],
        gts=[*CLEAN.gts[:2], *LIFTED.gts],
    )
    for name, references, kept, removed in (("with", tmp_path / "genomes", 1, 1), ("without", None, 2, 0)):
        (tmp_path / name).mkdir()
        how = options(*ALL, chains=chains, references=references)
        found = meet_bundle(tmp_path / name, more, BUNDLE, how)[0].qc["chromosomes"][0]
        assert (found["typed_only"], found["ref_mismatch"], found["matched"]) == (kept, removed, 250)


@pytest.mark.parametrize(
    ("how", "upload"),
    [
        (lambda chains: options(*ALL), LIFTED),
        (lambda chains: options(*(ALL - {Mend.liftover}), chains=chains), LIFTED),
        (lambda chains: options(*ALL, chains=chains, strict=True), LIFTED),
        (lambda chains: options(*ALL, chains=chains, build="GRCh37"), LIFTED),
        (lambda chains: options(*ALL, build="GRCh38"), CLEAN),
        (lambda chains: options(*ALL, chains=chains, build="hg38"), replace(CLEAN, contigs=dict(CONTIGS_37))),
    ],
    ids=["no chains", "switched off", "strict", "this build chosen", "other build chosen, no chains", "wrong choice"],
)
def test_lifting_that_is_not_allowed_or_does_not_help_is_refused(
    tmp_path: Path, chains: Path, how: object, upload: Upload
) -> None:
    with pytest.raises(TesseraError) as caught:
        meet_bundle(tmp_path, upload, BUNDLE, how(chains))  # type: ignore[operator]
    assert caught.value.code in (Code.wrong_build, Code.no_overlap)


def test_a_chosen_build_is_lifted_whatever_the_header_says(tmp_path: Path, chains: Path) -> None:
    upload = replace(LIFTED, contigs=None)
    summary, _ = meet_bundle(tmp_path, upload, BUNDLE, options(*ALL, chains=chains, build="hg38"))
    assert summary.qc["build"]["lifted"]
    assert summary.sites == 250


def test_a_file_on_the_bundles_build_is_never_lifted(tmp_path: Path, chains: Path) -> None:
    summary, _ = meet_bundle(tmp_path, CLEAN, BUNDLE, options(*ALL, chains=chains))
    assert not summary.qc["build"]["lifted"]
    assert summary.qc["build"]["detected"] == "GRCh37"
    assert summary.qc["build"]["confidence"] > 0.9


SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")
def test_a_real_array_on_the_other_build_comes_home(tmp_path: Path) -> None:
    """An array's file, its positions lifted to GRCh38 by one chain, is lifted back by the other one."""
    bundle = Bundle.open(Path(__file__).parents[2] / "bundles" / "kgp-chr20-demo")
    (tmp_path / "here").mkdir()
    ingest([SHARED / "kgp-chr20" / "target.infinium-omni2.5.v1.5.dev.vcf.gz"], tmp_path / "here" / "in")
    plain = harmonise(tmp_path / "here" / "in", bundle, tmp_path / "here" / "out")
    store = Ingested.open(tmp_path / "here" / "in").store(Ingested.open(tmp_path / "here" / "in").chromosomes[0])
    there = lift(store.sites, read_chain(SHARED / "chains" / "hg19ToHg38.over.chain.gz", {"20"})["20"], "20")
    sites = there.sites
    names = Ingested.open(tmp_path / "here" / "in").samples
    lifted = write_vcf(
        tmp_path / "there.vcf",
        "chr20",
        sites.pos.tolist(),
        [*sites.ref],
        [*sites.alt],
        gt_strings(store.codes[there.source]),
        names,
        contigs={"chr20": 64_444_167},
    )
    ingest([lifted], tmp_path / "in")
    back = harmonise(tmp_path / "in", bundle, tmp_path / "out", HarmoniseOptions(chains=SHARED / "chains"))
    assert (back.qc["build"]["detected"], back.qc["build"]["lifted"]) == ("GRCh38", True)
    assert back.qc["build"]["confidence"] > 0.98
    assert back.sites >= 0.99 * plain.sites
    one, other = (Harmonised.open(folder) for folder in (tmp_path / "here" / "out", tmp_path / "out"))
    first, second = one.typed(one.chromosomes[0]), other.typed(other.chromosomes[0])
    assert np.array_equal(first.codes[np.isin(first.rows, second.rows)], second.codes)
