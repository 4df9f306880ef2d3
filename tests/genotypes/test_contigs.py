"""Names of chromosomes in one style."""

from __future__ import annotations

import pytest

from genotypes.contigs import chromosome_name, contig_like, is_human, of_people
from genotypes.manifest import BundleManifest, ChromosomeEntry


@pytest.mark.parametrize(
    ("contig", "others", "build", "written"),
    [
        ("chr21", ["20", "22"], "GRCh37", "21"),
        ("21", ["chr20"], "GRCh38", "chr21"),
        ("23", ["20"], "GRCh37", "X"),
        ("chr23", ["chr20"], "hg38", "chrX"),
        ("NC_000021.9", ["chr20"], "GRCh38", "chr21"),
        ("X_PAR1", ["chr20"], "GRCh38", "chrX"),
        ("chr23", ["20"], "ARS1", "23"),
        ("Chr2", ["Chr01", "Chr10"], None, "Chr02"),
        ("chr2L", ["3R", "X"], "dm6", "2L"),
        ("VIII", ["chrI", "chrII"], None, "chrVIII"),
        ("chrUn_KI270302v1", ["20"], "GRCh38", "chrUn_KI270302v1"),
        ("NKLS02000001.1", ["chr1"], "ARS1", "NKLS02000001.1"),
        ("chr21", ["NC_000020.11"], "GRCh38", "chr21"),
        ("21", ["chr1", "chr2", "3"], None, "chr21"),
        ("chr21", [], None, "chr21"),
    ],
)
def test_a_name_is_written_as_others_are(contig: str, others: list[str], build: str | None, written: str) -> None:
    assert contig_like(contig, others, is_human(build)) == written
    assert contig_like(written, others, is_human(build)) == written


def test_plain_names_depend_on_the_species_where_numbers_do() -> None:
    assert [chromosome_name(name, people=True) for name in ("chr23", "25", "chrX", "024", "chr07")] == [
        "X", "X", "X", "Y", "7",
    ]  # fmt: skip
    assert [chromosome_name(name, people=False) for name in ("chr23", "25", "chrX", "chr07", "0")] == [
        "23", "25", "X", "7", "0",
    ]  # fmt: skip
    assert [chromosome_name(name, people=False) for name in ("NC_000020.10", "NC_000067.7", "x", "chrM")] == [
        "20", "NC_000067.7", "X", "MT",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("build", "contigs", "people"),
    [
        ("hg38", ["chr23"], True),
        ("T2T-CHM13v2.0", ["20", "X"], True),
        ("mine", [*map(str, range(1, 23)), "X"], True),  # as many autosomes as people have
        ("ARS-UCD1.2", [*map(str, range(1, 30)), "X"], False),
        ("ARS-UCD1.2", ["22", "23"], False),
        ("Sscrofa11.1", [*map(str, range(1, 19)), "X"], False),
        ("mine", ["20", "X"], False),
    ],
)
def test_build_and_contigs_of_a_bundle_tell_whether_it_is_of_people(
    build: str, contigs: list[str], people: bool
) -> None:
    """Its species does not: it is people's where the owner stated none."""
    entries = dict.fromkeys(contigs, ChromosomeEntry(1, 1, 1, 1, 1, None, "", ""))
    manifest = BundleManifest("b", "1", "Homo sapiens", build, entries, {}, "CC0-1.0", {}, {})
    assert of_people(manifest) is people
