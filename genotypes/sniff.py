"""What a file is, told from its first bytes."""

from __future__ import annotations

import zlib
from enum import Enum
from typing import Final

from errors import Code, TesseraError

HEAD_BYTES: Final = 64 << 10  # what `sniff_head` wants to see of a file
BOM: Final = b"\xef\xbb\xbf"
_INFLATE_BYTES: Final = 64 << 10
_OTHERS: Final = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"\x6c\x1b\x01": "a PLINK .bed file",
    b"\x6c\x1b": "a PLINK 2 .pgen file",
    b"BAM\x01": "a BAM file",
    b"CRAM": "a CRAM file",
    b"%PDF": "a PDF file",
    b"<": "a web page or XML file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"#CHROM": "a table without a VCF header",
    b"# rsid": "a 23andMe table",
}


class FileKind(Enum):
    """How genotypes are packed."""

    vcf = "vcf"
    vcf_gz = "vcf_gz"  # plain gzip
    vcf_bgzf = "vcf_bgzf"
    bcf = "bcf"  # compressed or not


def is_gzip(head: bytes) -> bool:
    """True for gzip, BGZF included."""
    return head[:2] == b"\x1f\x8b"


def is_bgzf(head: bytes) -> bool:
    """True for a BGZF block: gzip with the extra field BC."""
    return head[:4] == b"\x1f\x8b\x08\x04" and head[12:16] == b"BC\x02\x00"


def sniff_head(head: bytes, name: str) -> FileKind:
    """Tell the kind of a file from its first `HEAD_BYTES` bytes (fewer when it is shorter).

    Args:
        head: the first bytes.
        name: the file's name, for the message only; the ending decides nothing.

    Raises:
        TesseraError: `empty_file`, `not_vcf`, `truncated_file` or `corrupt_file`, with field `vcf`.
    """
    if not head:
        raise _error(Code.empty_file, f"'{name}' is empty.")
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
    if text.removeprefix(BOM).startswith(b"##fileformat=VCF"):
        return kind
    for magic, what in _OTHERS.items():
        if text.startswith(magic):
            raise _error(Code.not_vcf, f"'{name}' is {what}, not a VCF or BCF.")
    raise _error(Code.not_vcf, f"'{name}' is not a VCF or BCF: it does not start with ##fileformat=VCF.")


def _error(code: Code, message: str) -> TesseraError:
    return TesseraError(code, message, field="vcf")
