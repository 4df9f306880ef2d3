"""The text tables of PLINK filesets: samples with their sex, and lines of any table in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import zstandard

from errors import Code, TesseraError
from genotypes.guard import Limits
from genotypes.record import Remark, malformed
from genotypes.sniff import BOM, ZSTD
from genotypes.stream import PIECE_BYTES, open_inflated

_RATIO_FROM: Final = 256 << 20  # small files may be as dense as they like
_UNKNOWN: Final = ("0", "-9", ".", "NA")
_PARENTS: Final = (
    "names parents of samples, which are not used here: sent as 'pedigree' too, it has them checked and peeled."
)
SEXES: Final = {"1": "male", "2": "female", "m": "male", "f": "female", "male": "male", "female": "female"}


@dataclass(frozen=True, slots=True)
class SampleTable:
    """Samples of a fileset: ids in file order, sex of those that tell it, what was chosen on the way."""

    ids: list[str]
    sex: dict[str, str]  # id -> male or female
    remarks: list[Remark]


@contextmanager
def pieces(path: Path) -> Iterator[tuple[Callable[[], bytes], Callable[[], int]]]:
    """Functions that give the next bytes inside gzip, Zstandard or no compression, and the bytes of the file taken."""
    with path.open("rb") as raw:
        zstd = raw.read(4) == ZSTD
        if zstd:
            raw.seek(0)
            yield _zstd_reader(raw), raw.tell
            return
    with open_inflated(path) as source:
        yield source.read, lambda: source.taken


def _zstd_reader(raw: IO[bytes]) -> Callable[[], bytes]:
    reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw, read_across_frames=True)

    def read() -> bytes:
        try:
            return bytes(reader.read(PIECE_BYTES))
        except zstandard.ZstdError as error:
            raise TesseraError(Code.corrupt_file, "The compressed data is damaged.", field="vcf") from error

    return read


def text_lines(path: Path, limits: Limits | None = None) -> Iterator[bytes]:
    """Lines without their ends, Windows ends and byte order mark included.

    Raises:
        TesseraError: `corrupt_file`, `truncated_file`, `line_too_long`, `zip_bomb`.
    """
    limits = limits or Limits()
    held, expanded, size = b"", 0, max(1, path.stat().st_size)
    first = True
    with pieces(path) as (read, _):
        while piece := read():
            expanded += len(piece)
            if expanded > limits.max_expanded_bytes or expanded > max(_RATIO_FROM, limits.max_ratio * size):
                message = f"The file expands to more than {expanded:,} bytes."
                raise TesseraError(Code.zip_bomb, message, field="vcf", expanded_bytes=expanded)
            if b"\0" in piece:
                raise TesseraError(Code.corrupt_file, "The text holds NUL bytes, as after a failed copy.", field="vcf")
            lines = (held + (piece.removeprefix(BOM) if first else piece)).split(b"\n")
            first = False
            held = lines.pop()
            if len(held) > limits.max_line_bytes:
                message = f"A line is longer than {limits.max_line_bytes:,} bytes."
                raise TesseraError(Code.line_too_long, message, field="vcf", limit=limits.max_line_bytes)
            for line in lines:
                yield line.removesuffix(b"\r")
    if held:
        yield held.removesuffix(b"\r")


def read_samples(path: Path, limits: Limits | None = None) -> SampleTable:
    """Read a .fam or .psam.

    Samples are named by their IID where those are unique, else by FID_IID.

    Raises:
        TesseraError: `malformed_record`, `no_samples`, `duplicate_samples`.
    """
    columns = ["FID", "IID", "PAT", "MAT", "SEX", "PHENO1"]
    fids: list[str] = []
    iids: list[str] = []
    sexes: list[str | None] = []
    children = 0
    for number, line in enumerate(text_lines(path, limits), start=1):
        fields = line.decode(errors="replace").split()
        if not fields or line.startswith(b"##"):
            continue
        if line.startswith(b"#"):
            columns = [name.upper() for name in [fields[0].lstrip("#"), *fields[1:]]]
            if "IID" not in columns:
                raise malformed(f"Line {number} of the sample table has no IID column.", line=number)
            continue
        if len(fields) < min(len(columns), 5):
            message = f"Line {number} of the sample table has {len(fields)} columns."
            raise malformed(message, line=number)
        told = dict(zip(columns, fields, strict=False))
        iids.append(told["IID"])
        fids.append(told.get("FID", "0"))
        sexes.append(SEXES.get(told.get("SEX", "").lower()))
        children += any(told.get(parent, "0") not in _UNKNOWN for parent in ("PAT", "MAT"))
    if not iids:
        raise TesseraError(Code.no_samples, "The sample table lists no samples.", field="vcf")
    ids, remark = choose_ids(fids, iids)
    sex = {name: one for name, one in zip(ids, sexes, strict=True) if one is not None}
    remarks = [] if remark is None else [remark]
    if children:
        remarks.append(Remark("parents_not_used", _PARENTS, children))
    return SampleTable(ids, sex, remarks)


def choose_ids(fids: Sequence[str], iids: Sequence[str]) -> tuple[list[str], Remark | None]:
    """Sample ids, and what to say about the choice.

    Raises:
        TesseraError: `duplicate_samples`.
    """
    if len(set(iids)) == len(iids):
        if all(fid in ("0", iid) for fid, iid in zip(fids, iids, strict=True)):
            return list(iids), None
        return list(iids), Remark("ids_of_iid", "names its samples by individual id (IID) alone, which are unique.")
    joined = [f"{fid}_{iid}" for fid, iid in zip(fids, iids, strict=True)]
    repeated = [name for name, count in Counter(joined).items() if count > 1]
    if repeated:
        message = f"The sample '{repeated[0]}' (FID_IID) stands more than once."
        raise TesseraError(Code.duplicate_samples, message, field="vcf", samples=repeated[:20])
    return joined, Remark("ids_of_fid_iid", "names its samples FID_IID, for its individual ids (IID) are not unique.")
