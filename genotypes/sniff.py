"""What a file is, told from its first bytes; PLINK's tables, which have no mark of their own, also from their names."""

from __future__ import annotations

import re
import zlib
from enum import Enum
from typing import Final

from errors import Code, TesseraError

HEAD_BYTES: Final = 64 << 10  # what `sniff_head` wants to see of a file
BOM: Final = b"\xef\xbb\xbf"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
_INFLATE_BYTES: Final = 64 << 10
_OTHERS: Final = {
    b"PK\x05\x06": "an empty zip archive",
    b"BZh": "a bzip2 file",
    b"\x1f\x8b": "compressed twice",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    ZSTD: "a Zstandard file",
    b"\x6c\x1b\x00": "a sample-major .bed file (rewrite it by 'plink2 --make-bed')",
    b"BAM\x01": "a BAM file",
    b"CRAM": "a CRAM file",
    b"%PDF": "a PDF file",
    b"<": "a web page or XML file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"#CHROM": "a table without a VCF header",
}
# The column header that 23andMe, AncestryDNA, MyHeritage, FTDNA and Living DNA share.
_ARRAY_COLUMNS: Final = re.compile(rb'^#?\s*"?(?:rs_?id|name)"?[\t, ]\s*"?chr', re.IGNORECASE | re.MULTILINE)
# Formats without a mark of their own that are often sent, and what turns them into one that is read.
_BY_NAME: Final = {
    ".bgen": "no BGEN file of a version that is read: write one by 'plink2 --bgen FILE ref-first --export bgen-1.2'",
    ".gen": "an Oxford .gen file: write its hard calls by 'plink2 --data NAME ref-first --make-pgen'",
    ".idat": "raw intensities: call genotypes first",
}
_INDEXES: Final = (".tbi", ".csi", ".bgi", ".idx")
_BGEN_MARK: Final = slice(16, 20)
_TAR_MARK: Final = slice(257, 262)


class FileKind(Enum):
    """How genotypes are packed."""

    vcf = "vcf"
    vcf_gz = "vcf_gz"  # plain gzip
    vcf_bgzf = "vcf_bgzf"
    bcf = "bcf"  # compressed or not
    bed = "bed"  # PLINK 1, with a .bim and a .fam
    bim = "bim"
    fam = "fam"
    pgen = "pgen"  # PLINK 2, with a .pvar and a .psam
    pvar = "pvar"
    psam = "psam"
    ped = "ped"  # PLINK's text form, with a .map
    map = "map"
    bgen = "bgen"
    sample = "sample"  # Oxford's table of samples, with a .bgen
    final_report = "final_report"  # of Illumina's GenomeStudio
    array_text = "array_text"  # raw data of one person from a direct-to-consumer array
    index = "index"  # of a VCF, BCF or BGEN; nobody reads it
    zip = "zip"  # of any of these
    tar = "tar"  # of any of these, compressed by gzip or not


ARCHIVES: Final = (FileKind.zip, FileKind.tar)
VCF_KINDS: Final = (FileKind.vcf, FileKind.vcf_gz, FileKind.vcf_bgzf, FileKind.bcf)


def is_gzip(head: bytes) -> bool:
    """True for gzip, BGZF included."""
    return head[:2] == b"\x1f\x8b"


def is_bgzf(head: bytes) -> bool:
    """True for a BGZF block: gzip with the extra field BC."""
    return head[:4] == b"\x1f\x8b\x08\x04" and head[12:16] == b"BC\x02\x00"


def text_head(head: bytes, what: str, field: str, most: int) -> bytes:
    """The first bytes of a text that may be gzip, inflated to at most `most`; `what` it is, for the message.

    Raises:
        TesseraError: `empty_file` or `corrupt_file`, with `field`.
    """
    if is_gzip(head):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, most)
        except zlib.error as error:
            raise TesseraError(Code.corrupt_file, "The compressed data is damaged.", field=field) from error
    if not head.strip():
        raise TesseraError(Code.empty_file, f"{what} is empty.", field=field)
    return head


def sniff_head(head: bytes, name: str) -> FileKind:
    """Tell the kind of a file from its first `HEAD_BYTES` bytes (fewer when it is shorter).

    Args:
        head: the first bytes.
        name: the file's name, for the message, and for PLINK's .bim, .fam, .pvar, .psam, .ped and .map, a
            BGEN's .sample, and indexes; else it decides nothing.

    Raises:
        TesseraError: `empty_file`, `not_vcf`, `truncated_file` or `corrupt_file`, with field `vcf`.
    """
    if name.lower().endswith(_INDEXES):
        return FileKind.index  # also an empty one, or one of another file: it is left out
    if not head:
        raise _error(Code.empty_file, f"'{name}' is empty.")
    if head.startswith(ZSTD) and (kind := _table_of_name(name)) is not None:
        return kind
    if not is_gzip(head):
        return _inside(head, name, FileKind.vcf)
    try:
        inflater = zlib.decompressobj(wbits=31)
        inside = inflater.decompress(head, _INFLATE_BYTES)
        # A BGZF file may start with an empty block; the text is then in the next member.
        while not inside and inflater.eof and inflater.unused_data:
            rest = inflater.unused_data
            inflater = zlib.decompressobj(wbits=31)
            inside = inflater.decompress(rest, _INFLATE_BYTES)
    except zlib.error as error:
        raise _error(Code.corrupt_file, f"'{name}' looks like gzip but cannot be inflated.") from error
    if not inside and inflater.eof:
        raise _error(Code.empty_file, f"'{name}' is empty inside its compression.")
    if not inside:
        raise _error(Code.truncated_file, f"'{name}' ends inside its first compressed block.")
    return _inside(inside, name, FileKind.vcf_bgzf if is_bgzf(head) else FileKind.vcf_gz)


def _inside(text: bytes, name: str, kind: FileKind) -> FileKind:
    if text.startswith(b"BCF\x02"):
        return FileKind.bcf
    if text.startswith(b"PK\x03\x04"):
        return FileKind.zip
    if text.startswith(b"\x6c\x1b\x01"):
        return FileKind.bed
    if text.startswith(b"\x6c\x1b") and text[2:3] > b"\x01":
        return FileKind.pgen
    if text[_BGEN_MARK] == b"bgen" and b"\0" in text[:16]:
        return FileKind.bgen
    # Before all texts: the first member of an archive stands as it is behind its header.
    if text[_TAR_MARK] == b"ustar" and not text.startswith(b"##fileformat="):
        return FileKind.tar
    text = text.removeprefix(BOM).lstrip(b"\r\n")
    table = _table_of_name(name)
    if table is not None and _fits(table, text):
        return table
    if text.startswith(b"##fileformat=VCF"):
        return kind
    if text[:8].lower() == b"[header]":
        return FileKind.final_report
    if _ARRAY_COLUMNS.search(text) is not None:
        return FileKind.array_text
    for magic, what in _OTHERS.items():
        if text.startswith(magic):
            raise _error(Code.not_vcf, f"'{name}' is {what}, not a VCF or BCF.")
    if table is not None:
        hint = " A pedigree without genotypes goes in 'pedigree'." if table is FileKind.ped else ""
        raise _error(Code.not_vcf, f"'{name}' does not hold the columns of a .{table.value} file.{hint}")
    for ending, what in _BY_NAME.items():
        if name.lower().removesuffix(".gz").endswith(ending):
            raise _error(Code.not_vcf, f"'{name}' is {what}.")
    message = f"'{name}' is not a VCF or BCF: it does not start with ##fileformat=VCF, and is no other known file."
    raise _error(Code.not_vcf, message)


def _table_of_name(name: str) -> FileKind | None:
    """Which of PLINK's or Oxford's tables a file is by its name."""
    plain = name.lower().removesuffix(".gz").removesuffix(".zst")
    kinds = (FileKind.bim, FileKind.fam, FileKind.pvar, FileKind.psam, FileKind.ped, FileKind.map, FileKind.sample)
    return next((kind for kind in kinds if plain.endswith("." + kind.value)), None)


def _fits(kind: FileKind, text: bytes) -> bool:
    """Could this be the beginning of that table?"""
    if kind is FileKind.pvar:
        return text.startswith((b"##", b"#CHROM"))
    if kind is FileKind.psam and text.startswith((b"#FID", b"#IID", b"##")):
        return True
    fields = text.split(b"\n", 1)[0].split()
    if kind is FileKind.ped:
        return len(fields) > 6 and b"\0" not in text
    if kind is FileKind.sample:
        return fields[:1] in ([b"ID_1"], [b"ID"], [b"id_1"], [b"id"])
    if kind is FileKind.map:
        return len(fields) in (3, 4) and fields[-1].lstrip(b"-").isdigit()
    if kind is FileKind.bim:
        return len(fields) == 6 and fields[3].lstrip(b"-").isdigit()
    return len(fields) in (5, 6) and b"\0" not in text


def _error(code: Code, message: str) -> TesseraError:
    return TesseraError(code, message, field="vcf")
