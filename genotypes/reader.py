"""What every reader of uploaded genotypes offers, whatever the files look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from genotypes.read import VariantBlock
from genotypes.record import Remark


class GenotypeReader(Protocol):
    """Iterates once over the genotypes of one file, or of the files that belong together, in bounded memory."""

    @property
    def samples(self) -> Sequence[str]:
        """Ids in column order, without repeats."""
        ...

    @property
    def contigs(self) -> Mapping[str, int | None]:
        """Lengths in bp by contig name, None where they are not told."""
        ...

    @property
    def header_build(self) -> str | None:
        """The genome build that the files name."""
        ...

    @property
    def sex(self) -> Mapping[str, str]:
        """`male` or `female` of the samples whose sex the files tell."""
        ...

    @property
    def ref_known(self) -> bool:
        """False where REF and ALT are in no certain order."""
        ...

    @property
    def fraction(self) -> float:
        """Share of the files read so far."""
        ...

    @property
    def remarks(self) -> Sequence[Remark]:
        """What was odd, complete when the iteration has ended."""
        ...

    def __iter__(self) -> Iterator[VariantBlock]:
        """The blocks, in file order."""
        ...
