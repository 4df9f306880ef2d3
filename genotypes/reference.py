"""Reference genomes that the operator has put into a folder; none is needed, with one shifted indels are matched."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pysam

from errors import Code, TesseraError
from genotypes.alleles import Fetch
from genotypes.builds import build_of_name
from genotypes.contigs import chromosome_name

_ENDS: Final = (".fa", ".fa.gz", ".fasta", ".fasta.gz")


class Reference:
    """An indexed FASTA of one build, or nothing."""

    def __init__(self, path: Path | None) -> None:
        """Open it.

        Raises:
            TesseraError: `setup_invalid` when it cannot be read or has no index.
        """
        self._file: pysam.FastaFile | None = None
        self._contigs: dict[str, str] = {}
        if path is None:
            return
        try:
            self._file = pysam.FastaFile(str(path))
        except (OSError, ValueError) as error:
            message = f"The reference genome {path.name} cannot be read."
            raise TesseraError(Code.setup_invalid, message, action="Index it with 'samtools faidx'.") from error
        self._contigs = {chromosome_name(name, people=False): name for name in self._file.references}

    @classmethod
    def open(cls, folder: Path | None, build: str) -> Self:
        """The genome of `build` in `folder`: a file named after it, such as GRCh38.fa or hg38.fasta.gz, if any."""
        if folder is None or not folder.is_dir():
            return cls(None)
        wanted = build_of_name(build) or build
        for path in sorted(folder.iterdir()):
            stem = path.name.split(".")[0]
            if path.name.endswith(_ENDS) and (build_of_name(stem) or stem) == wanted:
                return cls(path)
        return cls(None)

    def fetcher(self, chromosome: str) -> Fetch | None:
        """Reads bases of a chromosome, by its normal name; None where there is no genome or it lacks the contig."""
        name, file = self._contigs.get(chromosome), self._file
        if name is None or file is None:
            return None

        def fetch(first: int, last: int) -> str:
            return str(file.fetch(name, first - 1, last)).upper()

        return fetch

    def __enter__(self) -> Self:
        """Use as a context: closes the file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        if self._file is not None:
            self._file.close()
