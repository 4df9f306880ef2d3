"""Small VCF files for tests, written as text so that broken ones can be made too."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import pysam

from genotypes import codes as gt

_UNPHASED = {-1: "./.", 0: "0/0", 1: "0/1", 2: "1/1", 3: "0|1", 4: "1|0", 5: "0", 6: "1"}
_PHASED = {**_UNPHASED, -1: ".|.", 0: "0|0", 2: "1|1"}


def gt_strings(codes: gt.Codes, phased: bool = False) -> list[list[str]]:
    """GT text of (V, S) genotype codes; with `phased` homozygotes are written with '|'."""
    text = _PHASED if phased else _UNPHASED
    return [[text[int(code)] for code in row] for row in codes]


def vcf_text(
    chrom: str | Sequence[str],
    pos: Sequence[int],
    ref: Sequence[str],
    alt: Sequence[str],
    gts: Sequence[Sequence[str]],
    samples: Sequence[str],
    *,
    ids: Sequence[str] | None = None,
    contigs: Mapping[str, int] | None = None,
    header: Sequence[str] = (),
    fmt: str = "GT",
    newline: str = "\n",
) -> str:
    """A whole VCF.

    Args:
        chrom: one contig for all records or one each.
        pos: bp, 1-based, in any order.
        ref: REF alleles.
        alt: ALT columns ("A", "A,T", "<DEL>").
        gts: (V, S) sample columns.
        samples: ids; empty for a sites-only file.
        ids: ID column, "." when None.
        contigs: lengths for ##contig lines; none are written when None.
        header: further ## lines.
        fmt: the FORMAT column.
        newline: line end.
    """
    chroms = [chrom] * len(pos) if isinstance(chrom, str) else list(chrom)
    lines = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">', *header]
    lines += [f"##contig=<ID={name},length={length}>" for name, length in (contigs or {}).items()]
    fixed = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    lines.append("\t".join(fixed + (["FORMAT", *samples] if samples else [])))
    for row in range(len(pos)):
        record = [chroms[row], str(pos[row]), ids[row] if ids else ".", ref[row], alt[row], ".", "PASS", "."]
        lines.append("\t".join(record + ([fmt, *gts[row]] if samples else [])))
    return newline.join(lines) + newline


def write_text(path: Path, text: str) -> Path:
    """Write `text` as the name says: .vcf plain, .vcf.gz BGZF, .vcf.gzip plain gzip, .bcf BCF."""
    data = text.encode()
    if path.name.endswith(".bcf"):
        plain = path.with_suffix(".tmp.vcf")
        plain.write_bytes(data)
        with pysam.VariantFile(str(plain)) as source, pysam.VariantFile(str(path), "wb", header=source.header) as out:
            for record in source:
                out.write(record)
        plain.unlink()
    elif path.name.endswith(".gz"):
        with pysam.BGZFile(str(path), "wb", None) as out:
            out.write(data)
    elif path.name.endswith(".gzip"):
        path.write_bytes(gzip.compress(data))
    else:
        path.write_bytes(data)
    return path


def write_vcf(
    path: Path,
    chrom: str | Sequence[str],
    pos: Sequence[int],
    ref: Sequence[str],
    alt: Sequence[str],
    gts: Sequence[Sequence[str]],
    samples: Sequence[str],
    *,
    ids: Sequence[str] | None = None,
    contigs: Mapping[str, int] | None = None,
    header: Sequence[str] = (),
    fmt: str = "GT",
    newline: str = "\n",
) -> Path:
    """Write `vcf_text` as the name says (see `write_text`); returns `path`."""
    text = vcf_text(
        chrom, pos, ref, alt, gts, samples, ids=ids, contigs=contigs, header=header, fmt=fmt, newline=newline
    )
    return write_text(path, text)
