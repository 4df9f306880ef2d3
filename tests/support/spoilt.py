"""Ways to spoil an upload: each makes the files of a job in a folder, or changes the columns of a good one."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.uploads import CONTIGS_38, Upload, make_bundle, make_upload

Make = Callable[[Path], Sequence[Path]]

BUNDLE = make_bundle(600)
GOOD = make_upload(BUNDLE.sites("20"))


def written(change: Callable[[Upload], Any] = lambda upload: None, name: str = "x.vcf.gz") -> Make:
    return lambda folder: [GOOD.edit(change).write(folder / name)]


def raw(data: bytes, name: str = "x.vcf.gz") -> Make:
    def make(folder: Path) -> list[Path]:
        (folder / name).write_bytes(data)
        return [folder / name]

    return make


def cut(share: float, name: str) -> Make:
    def make(folder: Path) -> list[Path]:
        path = GOOD.write(folder / name)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        return [path]

    return make


def cut_line(folder: Path) -> list[Path]:
    """Plain text that stops within its last record."""
    path = GOOD.write(folder / "x.vcf")
    path.write_bytes(path.read_bytes()[:-7])
    return [path]


def edited(change: Callable[[str], str], name: str = "x.vcf") -> Make:
    """The good file with its text changed."""

    def make(folder: Path) -> list[Path]:
        path = GOOD.write(folder / "x.vcf")
        path.write_bytes(change(path.read_text()).encode())
        if name.endswith(".gz"):
            (folder / name).write_bytes(gzip.compress(path.read_bytes()))
            return [folder / name]
        return [path]

    return make


def without_eof_block(folder: Path) -> list[Path]:
    path = GOOD.write(folder / "x.vcf.gz")
    path.write_bytes(path.read_bytes()[:-28])
    return [path]


def other_build(folder: Path) -> list[Path]:
    """Positions of another build: most meet nothing, one in ten meets a site of the bundle by chance."""
    table = BUNDLE.sites("20")
    upload = make_upload(table, every=1)
    chance = range(0, len(table) - 1, 10)
    upload.pos = [int(table.pos[row + 1]) if row in chance else pos + 137 for row, pos in enumerate(upload.pos)]
    upload.contigs = None
    return [upload.write(folder / "x.vcf.gz")]


def elsewhere(folder: Path) -> list[Path]:
    """A thousand sites anywhere, three of which are the bundle's by chance and even carry its alleles."""
    upload = make_upload(BUNDLE.sites("20"), every=1)
    upload.pos = [pos if row in (3, 300, 500) else pos + 10 + row for row, pos in enumerate(upload.pos)]
    upload.contigs = None
    dense = [*range(600), *range(600)]
    return [replace(upload.rows(dense), pos=[*upload.pos, *(p + 1700 for p in upload.pos)]).write(folder / "x.vcf.gz")]


def foreign(upload: Upload) -> None:
    upload.pos = [pos + 137 for pos in upload.pos]
    upload.contigs = CONTIGS_38


def bomb(folder: Path) -> list[Path]:
    path = GOOD.write(folder / "x.vcf")
    with gzip.open(folder / "bomb.vcf.gz", "wb") as file:
        file.write(path.read_bytes())
        for _ in range(20):
            file.write(b"#" * 50_000 + b"\n")
    return [folder / "bomb.vcf.gz"]


def over_and_over(folder: Path) -> list[Path]:
    """Two records, thousands of times in turn: what a file made to fill memory is made of."""
    return [GOOD.rows([3, 4] * 2500).write(folder / "x.vcf.gz")]


def set_field(name: str, row: int, value: Any) -> Callable[[Upload], None]:
    def change(upload: Upload) -> None:
        getattr(upload, name)[row] = value

    return change


def set_all(**fields: Any) -> Callable[[Upload], None]:
    def change(upload: Upload) -> None:
        for name, value in fields.items():
            setattr(upload, name, value)

    return change


def haploid_here(upload: Upload) -> None:
    upload.gts[4][1] = "1"


def no_records(upload: Upload) -> None:
    for name in ("chrom", "pos", "ref", "alt", "gts"):
        setattr(upload, name, [])


def two_files(change: Callable[[Upload], Any], cut_at: int = 100, second_at: int = 100) -> Make:
    """The good file in two parts, the second one spoilt."""

    def make(folder: Path) -> list[Path]:
        count = len(GOOD.pos)
        first = GOOD.rows(list(range(cut_at))).write(folder / "a.vcf.gz")
        second = GOOD.rows(list(range(second_at, count))).edit(change).write(folder / "b.vcf.gz")
        return [first, second]

    return make


def repeat_record(upload: Upload) -> None:
    """Repeat a record, the repeat with one call fewer."""
    upload.gts[7] = ["0/1", "0/0", "1/1", "0/1", "0/0"]
    for name in ("chrom", "pos", "ref", "alt"):
        getattr(upload, name).insert(7, getattr(upload, name)[7])
    upload.gts.insert(7, ["./.", "1/1", "1/1", "1/1", "1/1"])


def swap(upload: Upload) -> None:
    upload.ref[1], upload.alt[1] = upload.alt[1], upload.ref[1]


COMPLEMENT = str.maketrans("ACGT", "TGCA")


def flip(upload: Upload) -> None:
    for row in range(len(upload.pos)):
        ref, alt = upload.ref[row].translate(COMPLEMENT), upload.alt[row].translate(COMPLEMENT)
        if len(alt) == 1 and ref != upload.alt[row]:
            upload.ref[row], upload.alt[row] = ref, alt
            return


def mismatch(upload: Upload) -> None:
    """Alleles that are the bundle's on neither strand, with another REF."""
    here = {upload.ref[2], upload.alt[2]}
    taken = here | {base.translate(COMPLEMENT) for base in here}
    upload.ref[2] = next(base for base in "ACGT" if base != upload.ref[2] and (base not in taken or len(taken) == 4))
    options = [base for base in "ACGT" if base != upload.ref[2]]
    pairs = (here, {base.translate(COMPLEMENT) for base in here})
    upload.alt[2] = next(base for base in options if {base, upload.ref[2]} not in pairs)


def symbolic(upload: Upload) -> None:
    upload.alt[3] = "<DEL>"
    upload.alt[4] = "*"


def third_allele(upload: Upload) -> None:
    upload.alt[2] += ",GGGG"


def lost(upload: Upload) -> None:
    upload.gts[6] = ["./."] * 5


def low_sample(upload: Upload) -> None:
    for row in upload.gts[:40]:
        row[2] = "./."


def chromosomes(upload: Upload) -> None:
    upload.chrom = ["7" if row % 2 else "20" for row in range(len(upload.chrom))]
    upload.contigs = None
