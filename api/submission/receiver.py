"""One upload on its way to storage: sniffed, hashed and written piece by piece; a refusal leaves nothing behind."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from api.names import display_name, key_name, unique_name
from api.submission.fields import FILE_FIELDS, TEXT_FIELDS, FieldError, FieldReader, FieldsRefused, JobFields
from api.submission.multipart import FormStream
from errors import Code, TesseraError
from genotypes.frequency_text import check_frequencies_head
from genotypes.map_text import check_map_head
from genotypes.parts import group_files
from genotypes.sniff import HEAD_BYTES, FileKind, sniff_head
from jobs.records import NewFile
from jobs.storage import Storage, Writer

_ENDINGS = {
    FileKind.vcf: ".vcf",
    FileKind.vcf_gz: ".vcf.gz",
    FileKind.vcf_bgzf: ".vcf.gz",
    FileKind.bcf: ".bcf",
    FileKind.bed: ".bed",
    FileKind.bim: ".bim",
    FileKind.fam: ".fam",
    FileKind.pgen: ".pgen",
    FileKind.pvar: ".pvar",
    FileKind.psam: ".psam",
    FileKind.ped: ".ped",
    FileKind.map: ".map",
    FileKind.bgen: ".bgen",
    FileKind.sample: ".sample",
    FileKind.final_report: ".txt",
    FileKind.array_text: ".txt",
    FileKind.index: ".index",
    FileKind.zip: ".zip",
    FileKind.tar: ".tar",
}


Reused = tuple[JobFields, list[NewFile]]


@dataclass(frozen=True)
class UploadLimits:
    """What one upload may hold: bytes over all files, and number of files."""

    max_bytes: int
    max_files: int


class UploadReceiver:
    """Takes one multipart body; every method blocks on storage and so belongs in a thread.

    Fields may come before or after the files. Those that came first are checked before a byte of a file is stored.
    """

    def __init__(
        self,
        storage: Storage,
        job_id: str,
        boundary: bytes,
        limits: UploadLimits,
        check: Callable[[JobFields, bool | None], JobFields],
        reuse: Callable[[str], Reused],
    ) -> None:
        """Prepare to receive.

        Args:
            storage: where files go, below `jobs/{job_id}/uploads/`.
            job_id: id of the job to be.
            boundary: of the multipart body.
            limits: size limits.
            check: called with the fields and whether there is a pedigree (None while that is unknown); raises what must
                be refused beyond the fields' own form, and returns the fields as the job shall have them.
            reuse: called with the id of an earlier job; its fields, and its upload copied for this job.
        """
        self._storage = storage
        self._prefix = f"jobs/{job_id}/uploads/"
        self._limits = limits
        self._check = check
        self._reuse = reuse
        self._form = FormStream(boundary, self)
        self._fields = FieldReader()
        self._files: list[NewFile] = []
        self._kinds: dict[str, FileKind] = {}  # by the name of each genotype file
        self._received = 0
        self._current: _IncomingFile | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            TesseraError: as soon as something is known to be refused.
        """
        self._form.feed(data)

    def finish(self) -> tuple[JobFields, list[NewFile]]:
        """End the body; return the checked fields and the stored files in the order of the form.

        Raises:
            TesseraError: for anything that is wrong with the form as a whole.
        """
        self._form.finish()
        fields = self._fields.result()
        if fields.from_job is not None:
            return self._follow_up(fields.from_job)
        kinds = [file.kind for file in self._files]
        if "vcf" not in kinds:
            message = "There is no file in 'vcf': curl -F vcf=@x.vcf.gz."
            raise FieldsRefused([FieldError("vcf", message, Code.missing_field)])
        for kind in ("map", "frequencies"):
            if kind in kinds and "pedigree" not in kinds:
                message = f"'{kind}' is for jobs with a pedigree: add -F pedigree=@family.fam."
                raise FieldsRefused([FieldError(kind, message)])
        # A PLINK fileset whose parts did not all come is refused while its sender is still there.
        group_files(list(self._kinds), list(self._kinds.values()))
        return self._check(fields, "pedigree" in kinds), self._files

    def _follow_up(self, job_id: str) -> tuple[JobFields, list[NewFile]]:
        """What the form leaves open is as in the earlier job, but for the mode."""
        if self._files:
            message = "'from_job' takes the upload of another job: send no file with it."
            raise FieldsRefused([FieldError("from_job", message)])
        base, files = self._reuse(job_id)
        return self._check(self._fields.result(base), any(file.kind == "pedigree" for file in files)), files

    def abort(self) -> None:
        """Remove everything that this upload has stored."""
        if self._current is not None:
            self._current.abandon()
            self._current = None
        self._storage.delete(self._prefix)

    def text(self, name: str, value: bytes) -> None:
        """Take a text field; errors wait for the next file or the end, so that they come together."""
        self._fields.add(name, value)

    def file_begin(self, name: str, filename: str) -> None:
        """Begin a file, unless what came before it is already to be refused."""
        if name not in FILE_FIELDS:
            hint = "is a text field, not a file" if name in TEXT_FIELDS else "is not a field; the file goes in 'vcf'"
            self._fields.errors.append(FieldError(name, f"'{name}' {hint}."))
        if name in ("pedigree", "frequencies") and any(file.kind == name for file in self._files):
            self._fields.errors.append(FieldError(name, f"'{name}' may be given only once."))
        if len(self._files) >= self._limits.max_files:
            message = f"One job may hold at most {self._limits.max_files} files."
            self._fields.errors.append(FieldError(name, message))
        self._check(self._fields.result(), None)
        self._current = _IncomingFile(self._storage, self._prefix, len(self._files), name, filename)

    def file_data(self, data: bytes) -> None:
        """Take bytes of the current file."""
        assert self._current is not None
        self._received += len(data)
        if self._received > self._limits.max_bytes:
            raise too_large(self._limits.max_bytes, self._current.field)
        self._current.write(data)

    def file_end(self) -> None:
        """End the current file and keep it, or drop it when it is an empty input of a browser's form."""
        assert self._current is not None
        file = self._current.end({stored.filename for stored in self._files})
        kind, self._current = self._current.kind, None
        if file is not None:
            self._files.append(file)
            if kind is not None:
                self._kinds[file.filename] = kind


def too_large(max_bytes: int, field: str = "vcf") -> TesseraError:
    """The refusal of an upload beyond `max_bytes`."""
    return TesseraError(
        Code.upload_too_large,
        f"The upload is larger than this server's limit of {max_bytes:,} bytes.",
        field=field,
        max_bytes=max_bytes,
    )


class _IncomingFile:
    """One file of the form: its head is held back until it has been sniffed, the rest goes straight to storage."""

    def __init__(self, storage: Storage, prefix: str, index: int, field: str, raw_name: str) -> None:
        self.field = field
        self.kind: FileKind | None = None  # of a genotype file, once its head has been seen
        self._storage = storage
        self._prefix = prefix
        self._index = index
        self._raw_name = raw_name
        self._head = bytearray()
        self._digest = hashlib.sha256()
        self._size = 0
        self._writer: Writer | None = None
        self._stack = ExitStack()
        self._name = ""
        self._key = ""

    def write(self, data: bytes) -> None:
        if self._writer is None:
            self._head += data
            if len(self._head) >= HEAD_BYTES:
                self._start()
        else:
            self._store(data)

    def end(self, taken: set[str]) -> NewFile | None:
        if self._writer is None:
            if not self._head and not self._raw_name:
                return None  # a browser sends an input that was left empty as a file without name and bytes
            self._start()
        assert self._writer is not None
        self._writer.commit()
        self._stack.close()
        return NewFile(self.field, unique_name(self._name, taken), self._key, self._size, self._digest.hexdigest())

    def abandon(self) -> None:
        """Leave the writer without a commit; storage drops what it holds."""
        with suppress(OSError):
            self._stack.close()

    def _start(self) -> None:
        head = bytes(self._head[:HEAD_BYTES])
        nameless = f"upload-{self._index + 1}"
        self._name = display_name(self._raw_name, nameless, self.field)
        ending = self._sniff(head)
        if self._name == nameless:
            self._name += ending
        self._key = f"{self._prefix}{self._index}-{key_name(self._name)}"
        self._writer = self._stack.enter_context(self._storage.create(self._key))
        self._store(bytes(self._head))
        self._head.clear()

    def _store(self, data: bytes) -> None:
        assert self._writer is not None
        self._digest.update(data)
        self._size += len(data)
        self._writer.write(data)

    def _sniff(self, head: bytes) -> str:
        """Refuse what is plainly the wrong kind of file; return the ending for a file that came without a name."""
        if self.field == "pedigree":
            if not head.strip():
                raise TesseraError(Code.empty_file, "The pedigree is empty.", field=self.field)
            if b"\0" in head or head.startswith(b"\x1f\x8b"):
                raise TesseraError(Code.pedigree_invalid, "The pedigree is not plain text.", field=self.field)
            return ".ped"
        if self.field == "map":
            check_map_head(head)
            return ".map"
        if self.field == "frequencies":
            check_frequencies_head(head)
            return ".tsv"
        self.kind = sniff_head(head, self._name)
        return _ENDINGS[self.kind]
