"""Uploads in other forms than VCF: PLINK filesets written by hand and by plink2, raw data of people."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.uploads import Upload
from worker.pipeline.folder import Ingested
from worker.pipeline.ingest import IngestOptions, ingest

needs_plink2 = pytest.mark.skipif(shutil.which("plink2") is None, reason="plink2 is not installed")

# Two bits of a genotype by the number of A1 alleles, -1 missing.
BITS = {2: 0b00, -1: 0b01, 1: 0b10, 0: 0b11}


def write_fileset(
    stem: Path, sites: Sequence[Sequence[str]], genotypes: Sequence[Sequence[int]], fam: Sequence[str]
) -> list[Path]:
    """Write STEM.bed, STEM.bim and STEM.fam.

    Args:
        stem: path without ending.
        sites: chromosome, identifier, position, A1, A2 of each.
        genotypes: (V, S) A1 alleles carried, -1 missing.
        fam: lines of the .fam.
    """
    data = bytearray(b"\x6c\x1b\x01")
    for row in genotypes:
        for first in range(0, len(row), 4):
            byte = 0
            for place, count in enumerate(row[first : first + 4]):
                byte |= BITS[count] << 2 * place
            data.append(byte)
    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("bed", "bim", "fam")]
    paths[0].write_bytes(data)
    paths[1].write_text("".join(f"{c}\t{i}\t0\t{p}\t{a1}\t{a2}\n" for c, i, p, a1, a2 in sites))
    paths[2].write_text("".join(f"{line}\n" for line in fam))
    return paths


def plink2(*arguments: str | Path) -> None:
    """Run plink2 with one thread."""
    done = subprocess.run(
        ["plink2", "--threads", "1", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


COUNTS = {"0/0": 0, "0/1": 1, "1/0": 1, "1/1": 2}


def fileset(upload: Upload, stem: Path, fam: Sequence[str] | None = None) -> list[Path]:
    """The upload as .bed, .bim and .fam, ALT as A1."""
    sites = [
        (chrom, f"v{row}", str(upload.pos[row]), upload.alt[row], upload.ref[row])
        for row, chrom in enumerate(upload.chrom)
    ]
    counts = [[COUNTS.get(call, -1) for call in row] for row in upload.gts]
    return write_fileset(stem, sites, counts, fam or [f"0 {name} 0 0 0 -9" for name in upload.samples])


def text_fileset(upload: Upload, stem: Path, heads: Sequence[str] | None = None, gap: str = " ") -> list[Path]:
    """The upload as .ped and .map, with the first six columns `heads`."""
    heads = heads or [f"0 {name} 0 0 0 -9" for name in upload.samples]
    letters = {"0": upload.ref, "1": upload.alt, ".": ["0"] * len(upload.pos)}
    lines = []
    for column, head in enumerate(heads):
        calls = [letters[one][row] for row, gts in enumerate(upload.gts) for one in gts[column][::2]]
        lines.append(head + gap + gap.join(calls) + "\n")
    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("ped", "map")]
    paths[0].write_text("".join(lines))
    sites = zip(upload.chrom, upload.pos, strict=True)
    paths[1].write_text("".join(f"{chrom}\tv{row}\t0\t{pos}\n" for row, (chrom, pos) in enumerate(sites)))
    return paths


def array_text(upload: Upload, column: int) -> str:
    """One person of the upload as raw data; sites of single bases only."""
    lines = ["# made for tests, build 37", "rsid\tchromosome\tposition\tgenotype"]
    for row, chrom in enumerate(upload.chrom):
        alleles = [upload.ref[row], upload.alt[row]]
        if max(map(len, alleles)) == 1:
            call = upload.gts[row][column]
            letters = "--" if "." in call else "".join(sorted(alleles[int(one)] for one in call[::2]))
            lines.append(f"v{row}\t{chrom}\t{upload.pos[row]}\t{letters}")
    return "\n".join(lines) + "\n"


def ingested(folder: Path, files: Sequence[Path], **options: object) -> Ingested:
    ingest(files, folder / "in", IngestOptions(**options))  # type: ignore[arg-type]
    return Ingested.open(folder / "in")


def notes(upload: Ingested) -> dict[str, int]:
    return {note["code"]: note["count"] for note in upload.notes}
