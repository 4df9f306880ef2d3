"""However an upload is written, the stores are the same: shuffled, renamed, packed, or through plink2."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.support.filesets import ingested, needs_plink2, plink2
from tests.support.uploads import Upload, make_bundle, make_upload
from worker.pipeline.folder import Ingested
from worker.pipeline.ingest_names import named_for

BUNDLE = make_bundle(240)
SEEDS = (1, 2, 3)
Form = Callable[[Upload, Path, np.random.Generator], list[Path]]


def upload_of(seed: int) -> Upload:
    """Two chromosomes of single-base sites, five samples, unphased, every site called somewhere."""
    parts = []
    for name in ("20", "X"):
        one = make_upload(BUNDLE.sites(name), every=2, seed=seed)
        parts.append(one.rows([row for row in range(len(one.pos)) if len(one.ref[row]) == len(one.alt[row]) == 1]))
    first, second = parts
    gts = [[call if "." not in call else "./." for call in row] for row in first.gts + second.gts]
    return Upload(
        first.chrom + second.chrom,
        first.pos + second.pos,
        first.ref + second.ref,
        first.alt + second.alt,
        gts,
        first.samples,
        contigs={"20": 63_025_520, "X": 155_270_560},
    )


def stores(upload: Ingested) -> dict[str, tuple[list[tuple[int, str, str]], list[list[int]]]]:
    found = {}
    with named_for(upload, BUNDLE.manifest, upload.folder) as named:
        for one in named.chromosomes:
            store = named.store(one)
            sites = list(zip(store.sites.pos.tolist(), store.sites.ref, store.sites.alt, strict=True))
            found[one.name] = (sites, np.array(store.codes).tolist())
    return found


def shuffled(upload: Upload, folder: Path, rng: np.random.Generator) -> list[Path]:
    return [upload.rows(rng.permutation(len(upload.pos)).tolist()).write(folder / "x.vcf")]


def renamed(upload: Upload, folder: Path, rng: np.random.Generator) -> list[Path]:
    names = {"20": str(rng.choice(["chr20", "Chr20", "020", "NC_000020.10"])), "X": str(rng.choice(["chrX", "23"]))}
    return [replace(upload, chrom=[names[name] for name in upload.chrom], contigs=None).write(folder / "x.vcf.gz")]


def windows(upload: Upload, folder: Path, rng: np.random.Generator) -> list[Path]:
    return [replace(upload, newline="\r\n").write(folder / str(rng.choice(["x.vcf", "x.vcf.gz", "x.vcf.gzip"])))]


def members(upload: Upload, folder: Path, rng: np.random.Generator) -> list[Path]:
    """Gzip of several members, cut anywhere."""
    text = upload.write(folder / "x.vcf").read_bytes()
    cuts = [0, *sorted(rng.integers(0, len(text), 4).tolist()), len(text)]
    parts = [gzip.compress(text[first:end]) for first, end in pairwise(cuts)]
    (folder / "y.vcf.gz").write_bytes(b"".join(parts))
    return [folder / "y.vcf.gz"]


def scattered(upload: Upload, folder: Path, rng: np.random.Generator) -> list[Path]:
    """Records dealt to three files, whose samples lie in different orders."""
    owner = rng.integers(0, 3, len(upload.pos))
    files = []
    for number, ending in enumerate(("vcf", "vcf.gz", "bcf")):
        part = upload.rows(np.flatnonzero(owner == number).tolist())
        order = rng.permutation(len(upload.samples)).tolist() if number else list(range(len(upload.samples)))
        files.append(part.columns(order).write(folder / f"{number}.{ending}"))
    return files


def by_sample(upload: Upload, folder: Path, rng: np.random.Generator) -> list[Path]:
    cut = int(rng.integers(1, len(upload.samples)))
    every = range(len(upload.samples))
    return [upload.columns(list(part)).write(folder / f"{part[0]}.bcf") for part in (every[:cut], every[cut:])]


def plink(upload: Upload, folder: Path, *options: str) -> None:
    plink2("--vcf", upload.write(folder / "x.vcf"), *options, "--out", folder / "y")


def plink_1(upload: Upload, folder: Path, rng: np.random.Generator) -> list[Path]:
    plink(upload, folder, "--make-bed")
    files = [folder / f"y.{ending}" for ending in ("bed", "bim", "fam")]
    return [files[number] for number in rng.permutation(3)]


def plink_1_zipped(upload: Upload, folder: Path, rng: np.random.Generator) -> list[Path]:
    files = plink_1(upload, folder, rng)
    with zipfile.ZipFile(folder / "z.zip", "w") as archive:
        for path in files:
            archive.write(path, f"cohort/{path.name}")
    return [folder / "z.zip"]


def plink_2(upload: Upload, folder: Path, rng: np.random.Generator) -> list[Path]:
    zst = bool(rng.integers(2))
    plink(upload, folder, "--make-pgen", *(["vzs"] if zst else []))
    return [folder / f"y.{ending}" for ending in ("pvar.zst" if zst else "pvar", "pgen", "psam")]


def through_plink(upload: Upload, folder: Path, rng: np.random.Generator) -> list[Path]:
    """VCF to .bed to VCF, whose names plink2 writes its own way."""
    plink(upload, folder, "--make-bed")
    names = str(rng.choice(["chrM", "MT", "26", "chr26"]))
    plink2("--bfile", folder / "y", "--export", "vcf", "bgz", "--output-chr", names, "--out", folder / "z")
    return [folder / "z.vcf.gz"]


PLAIN = [shuffled, renamed, windows, members, scattered, by_sample]
PLINK = [plink_1, plink_1_zipped, plink_2, through_plink]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "form", [*PLAIN, *(pytest.param(one, marks=needs_plink2) for one in PLINK)], ids=lambda form: form.__name__
)
def test_the_stores_are_the_same(tmp_path: Path, form: Form, seed: int) -> None:
    upload = upload_of(seed)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    expected = ingested(tmp_path / "a", [upload.write(tmp_path / "a" / "x.vcf")])
    found = ingested(tmp_path / "b", form(upload, tmp_path / "b", np.random.default_rng(seed)))
    assert found.samples == expected.samples
    assert stores(found) == stores(expected)
