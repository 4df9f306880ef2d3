"""Uploads in other forms than one VCF, through ingest and harmonise."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.guard import Limits
from tests.support.filesets import array_text, fileset, ingested, needs_plink2, notes, plink2, text_fileset
from tests.support.spoilt import BUNDLE, GOOD
from tests.support.uploads import make_upload
from worker.pipeline.folder import Harmonised, Ingested
from worker.pipeline.harmonise import harmonise
from worker.pipeline.ingest import ingest
from worker.pipeline.ingest_names import named_for


def typed(folder: Path, files: Sequence[Path]) -> dict[int, list[int]]:
    """Codes of chromosome 20 by bundle row, after harmonising."""
    ingest(files, folder / "in")
    harmonise(folder / "in", BUNDLE, folder / "out")
    done = Harmonised.open(folder / "out")
    store = done.typed(done.chromosome("20"))
    assert store.rows is not None
    return dict(zip(store.rows.tolist(), gt.unphase(np.array(store.codes)).tolist(), strict=True))


def test_a_fileset_gives_what_its_vcf_gives(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    expected = typed(tmp_path / "a", [GOOD.write(tmp_path / "x.vcf")])
    (tmp_path / "b").mkdir()
    bed, bim, fam = fileset(GOOD, tmp_path / "x")
    assert typed(tmp_path / "b", [fam, bed, bim]) == expected


def test_alleles_in_the_other_order_are_found_by_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    expected = typed(tmp_path / "a", [GOOD.write(tmp_path / "x.vcf")])
    flip = {"0": "1", "1": "0"}
    turned = replace(GOOD, ref=GOOD.alt, alt=GOOD.ref)
    turned = replace(turned, gts=[["".join(flip.get(c, c) for c in call) for call in row] for row in GOOD.gts])
    (tmp_path / "b").mkdir()
    assert typed(tmp_path / "b", fileset(turned, tmp_path / "x")) == expected


@pytest.mark.parametrize("gap", [" ", "\t"])
def test_a_text_fileset_gives_what_its_vcf_gives(tmp_path: Path, gap: str) -> None:
    single = GOOD.rows([row for row in range(len(GOOD.pos)) if len(GOOD.ref[row]) == len(GOOD.alt[row]) == 1])
    (tmp_path / "a").mkdir()
    expected = typed(tmp_path / "a", [single.write(tmp_path / "x.vcf")])
    (tmp_path / "b").mkdir()
    ped, map_ = text_fileset(single, tmp_path / "x", gap=gap)
    assert typed(tmp_path / "b", [map_, ped]) == expected
    assert Ingested.open(tmp_path / "b" / "in").samples == single.samples


@needs_plink2
def test_a_bgen_file_gives_what_its_vcf_gives(tmp_path: Path) -> None:
    vcf = GOOD.write(tmp_path / "x.vcf")
    (tmp_path / "a").mkdir()
    expected = typed(tmp_path / "a", [vcf])
    plink2("--vcf", vcf, "--export", "bgen-1.2", "bits=8", "id-paste=iid", "--out", tmp_path / "x")
    (tmp_path / "b").mkdir()
    assert typed(tmp_path / "b", [tmp_path / "x.bgen"]) == expected


@pytest.mark.parametrize("strand", ["Plus", "Top"])
def test_an_array_report_gives_what_its_vcf_gives(tmp_path: Path, strand: str) -> None:
    other = str.maketrans("ACGT", "TGCA")
    pairs = list(zip(GOOD.ref, GOOD.alt, strict=True))
    upload = GOOD.rows([row for row, (a, b) in enumerate(pairs) if len(a + b) == 2 and a.translate(other) != b])
    lines = ["[Header]", "[Data]", f"SNP Name\tSample ID\tChr\tPosition\tAllele1 - {strand}\tAllele2 - {strand}"]
    for column, sample in enumerate(upload.samples):
        for row, (ref, alt) in enumerate(zip(upload.ref, upload.alt, strict=True)):
            letters = {"0": ref, "1": alt, ".": "-"}
            call = "\t".join(letters[one] for one in upload.gts[row][column][::2])
            call = call.translate(other) if strand == "Top" and row % 2 else call
            lines.append(f"v{row}\t{sample}\t{upload.chrom[row]}\t{upload.pos[row]}\t{call}")
    (tmp_path / "r.txt").write_text("\n".join(lines) + "\n")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    expected = typed(tmp_path / "a", [upload.write(tmp_path / "x.vcf")])
    found = typed(tmp_path / "b", [tmp_path / "r.txt"])
    # A letter alone on either strand may be both alleles of the bundle's site; such sites are imputed.
    assert found.keys() <= expected.keys()
    assert len(found) >= 0.8 * len(expected) if strand == "Top" else len(found) == len(expected)
    assert {row: expected[row] for row in found} == found


def test_a_map_alone_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(TesseraError, match=r"'x.map' came without 'x.ped'") as caught:
        ingested(tmp_path, text_fileset(GOOD, tmp_path / "x")[1:])
    assert caught.value.code is Code.missing_part


def test_sex_and_the_unknown_ref_are_kept(tmp_path: Path) -> None:
    fam = [f"F{row} S{row} 0 0 {sex} -9" for row, sex in enumerate((1, 2, 0, 1, 2))]
    upload = ingested(tmp_path, fileset(GOOD, tmp_path / "x", fam))
    assert upload.sex == {"S0": "male", "S1": "female", "S3": "male", "S4": "female"}
    assert [one.ref_known for one in upload.chromosomes] == [False]
    assert notes(upload) == {"ids_of_iid": 1, "ref_unknown": len(GOOD.pos)}


def test_raw_data_of_people_is_joined_and_oriented_by_the_bundle(tmp_path: Path) -> None:
    single = [row for row in range(len(GOOD.pos)) if len(GOOD.ref[row]) == len(GOOD.alt[row]) == 1]
    upload = GOOD.rows(single)
    (tmp_path / "a").mkdir()
    expected = typed(tmp_path / "a", [upload.write(tmp_path / "x.vcf")])
    files = []
    for column, name in enumerate(upload.samples):
        files.append(tmp_path / f"{name}.txt")
        files[-1].write_text(array_text(upload, column))
    (tmp_path / "b").mkdir()
    assert typed(tmp_path / "b", files) == expected
    assert Ingested.open(tmp_path / "b" / "in").samples == upload.samples
    assert Ingested.open(tmp_path / "b" / "in").build == "GRCh37"


def pack(path: Path, members: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_an_archive_is_read_and_what_is_no_genotype_file_named(tmp_path: Path) -> None:
    parts = fileset(GOOD, tmp_path / "x")
    members: dict[str, bytes | str] = {f"data/{path.name}": path.read_bytes() for path in parts}
    path = pack(tmp_path / "all.zip", members | {"data/x.log": "done", "__MACOSX/._x.bed": "y", "data/": ""})
    upload = ingested(tmp_path, [path])
    assert upload.samples == GOOD.samples
    assert upload.files == ["all.zip"]
    assert [one.sites for one in upload.chromosomes] == [len(GOOD.pos)]
    assert notes(upload) == {"archive_members_left_out": 1, "ref_unknown": len(GOOD.pos)}
    assert {path.name for path in tmp_path.iterdir()} == {"all.zip", "in", "x.bed", "x.bim", "x.fam"}


def test_one_text_in_an_archive_is_named_after_the_archive(tmp_path: Path) -> None:
    paths = [pack(tmp_path / f"{n}.zip", {"AncestryDNA.txt": array_text(GOOD, 0)}) for n in ("ann", "bob")]
    assert ingested(tmp_path, paths).samples == ["ann", "bob"]


def bomb(folder: Path) -> Path:
    return pack(folder / "x.zip", {"x.vcf": b"##fileformat=VCFv4.2\n" + b"#" * 3_000_000})


def locked(folder: Path) -> Path:
    path = pack(folder / "x.zip", {"x.vcf": "##fileformat=VCFv4.2\n"})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    return path


def crowd(folder: Path) -> Path:
    return pack(folder / "x.zip", {f"{number}.txt": "" for number in range(2001)})


def damaged(folder: Path) -> Path:
    path = pack(folder / "x.zip", {"x.vcf": GOOD.write(folder / "g.vcf").read_bytes()})
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(data)
    return path


def useless(folder: Path) -> Path:
    return pack(folder / "x.zip", {"readme.md": "Hello", "inner.zip": "PK\x03\x04"})


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (bomb, Code.zip_bomb),
        (locked, Code.bad_archive),
        (crowd, Code.bad_archive),
        (damaged, Code.corrupt_file),
        (useless, Code.not_vcf),
    ],
)
def test_archives_that_are_refused(tmp_path: Path, make, code: Code) -> None:  # type: ignore[no-untyped-def]
    path = make(tmp_path)
    with pytest.raises(TesseraError, match=r"'x\.zip'") as caught:
        ingested(tmp_path, [path], limits=Limits(max_expanded_bytes=1_000_000))
    assert caught.value.code is code


def test_a_member_cannot_leave_its_folder(tmp_path: Path) -> None:
    text = GOOD.write(tmp_path / "x.vcf").read_text()
    path = pack(tmp_path / "x.zip", {"../../evil.vcf": text, "/etc/evil.vcf": "no"})
    (tmp_path / "deep" / "er").mkdir(parents=True)
    upload = ingested(tmp_path / "deep" / "er", [path])
    assert [one.sites for one in upload.chromosomes] == [len(GOOD.pos)]
    assert not list(tmp_path.rglob("evil*"))


def test_a_missing_part_is_refused_by_name(tmp_path: Path) -> None:
    bed, bim, _ = fileset(GOOD, tmp_path / "x")
    with pytest.raises(TesseraError, match=r"'x.bed' came without 'x.fam'") as caught:
        ingested(tmp_path, [bed, bim])
    assert caught.value.code is Code.missing_part


def test_parts_of_different_exports_are_refused(tmp_path: Path) -> None:
    bed, bim, _ = fileset(GOOD, tmp_path / "x")
    _, _, fam = fileset(GOOD.columns([0]), tmp_path / "y")
    with pytest.raises(TesseraError, match=r"'x\.bed'") as caught:
        ingested(tmp_path, [bed, bim, fam])
    assert caught.value.code is Code.parts_disagree


@pytest.mark.parametrize("name", ["X", "chrX", "23", "25", "XY", "PAR1", "chrX_PAR2", "NONPAR"])
def test_every_name_of_x_is_x(tmp_path: Path, name: str) -> None:
    upload = make_upload(BUNDLE.sites("X"))
    upload = replace(upload, chrom=[name] * len(upload.chrom), contigs=None)
    with named_for(ingested(tmp_path, [upload.write(tmp_path / "x.vcf")]), BUNDLE.manifest, tmp_path) as named:
        (one,) = named.chromosomes
    assert (one.name, one.contigs) == ("X", [name])


def test_parts_of_x_are_put_together_without_being_called_unsorted(tmp_path: Path) -> None:
    upload = make_upload(BUNDLE.sites("X"))
    count = len(upload.pos)
    order = [*range(50, count), *range(50)]
    names = ["23"] * (count - 50) + ["25"] * 50
    found = ingested(tmp_path, fileset(replace(upload.rows(order), chrom=names), tmp_path / "x"), strict=True)
    with named_for(found, BUNDLE.manifest, tmp_path) as named:
        (one,) = named.chromosomes
        assert named.store(one).sites.pos.tolist() == upload.pos
    assert (one.contigs, one.sites, one.ref_known) == (["23", "25"], count, False)
    assert list(notes(found)) == ["ref_unknown"]
