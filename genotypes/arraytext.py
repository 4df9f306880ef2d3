"""Reading the raw data that 23andMe, AncestryDNA, MyHeritage, FTDNA and Living DNA give to their customers.

One file is one person: identifier, chromosome, position and the two letters on the plus strand, as one column or two.
Nothing tells REF from ALT, and a homozygote shows one allele only: such a site gets ALT ".", and harmonising finds the
other allele in the bundle. Files of several people become one table, sites that a file lacks being missing there.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.guard import Limits
from genotypes.harmonise import normal_contig
from genotypes.read import VariantBlock
from genotypes.record import MAX_POS, Remark, malformed
from genotypes.sites import SiteTable, strings
from genotypes.tables import text_lines

_BUILD: Final = re.compile(r"(?:build|GRCh|NCBI)\s*:?\s*(36|37|38)\b|\b(hg18|hg19|hg38)\b", re.IGNORECASE)
_BUILDS: Final = {"36": "NCBI36", "hg18": "NCBI36", "37": "GRCh37", "hg19": "GRCh37", "38": "GRCh38", "hg38": "GRCh38"}
_LETTERS: Final = {"A": 1, "C": 2, "G": 4, "T": 8}  # one bit each, so that a site's letters are their union
_LETTER_OF: Final = np.array([".", "A", "C", ".", "G", *["."] * 3, "T"], object)
_NOT_CALLED: Final = frozenset("-0?.N")
_CHROMOSOMES: Final = (*(str(number) for number in range(1, 23)), "X")
_NUMBERS: Final = {name: number for number, name in enumerate(_CHROMOSOMES, start=1)}
_COLUMNS: Final = re.compile(r"#?\s*(rs_?id|name)[\t,; ]+chr", re.IGNORECASE)
_SPLIT: Final = re.compile(r"[\t,; ]+")
_ENDINGS: Final = re.compile(r"(\.(txt|csv|tsv|zip|gz))+$", re.IGNORECASE)
_BLOCK_GENOTYPES: Final = 4 << 20
_MAX_SITES: Final = 5_000_000  # of one person; they are held in memory while one file is read
_SHIFT: Final = 32  # chromosome number above the position
_SAID: Final = {
    "indels": ("has insertions and deletions (I, D), which were left out.", Code.symbolic_alleles),
    "y_and_mt": ("has sites of Y and MT, which were left out.", None),
    "unplaced": ("has sites without a known chromosome or position, which were left out.", None),
    "half_calls": ("has calls of one letter where there should be two, which were set to missing.", Code.half_calls),
    "three_letters": ("shows more than two letters at these sites, which were left out.", Code.multiallelic),
}


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person's calls, ascending; arrays lie on disk."""

    keys: NDArray[np.int64]  # (V,) chromosome number << 32 | bp
    letters: NDArray[np.uint8]  # (V, 2) bits of `_LETTERS`, 0 0 where not called
    ids: NDArray[np.bytes_]  # (V,)
    build: str | None
    male: bool  # X is written with single letters


class ArrayTextReader:
    """Iterates over the calls of one or several people; see `genotypes.reader.GenotypeReader`."""

    ref_known = False

    def __init__(
        self, paths: Sequence[Path], names: Sequence[str], scratch: Path, limits: Limits | None = None
    ) -> None:
        """Read all files; their calls go to `scratch`, ten bytes a site beside the identifiers.

        Raises:
            TesseraError: `malformed_record` with the line, `header_only`, `wrong_build` when the files name several.
        """
        samples = sample_names(names)
        odd: Counter[str] = Counter()
        people: list[Person] = []
        builds: dict[str, str] = {}
        for number, (path, name) in enumerate(zip(paths, names, strict=True)):
            try:
                person = _read(path, scratch / f"array{number}", limits, odd)
            except TesseraError as error:
                details = {"file": name} | error.details
                message = f"'{name}': {error.message}"
                raise TesseraError(error.code, message, action=error.action, field="vcf", **details) from error
            people.append(person)
            if person.build is not None:
                builds.setdefault(person.build, name)
        if len(builds) > 1:
            said = ", ".join(f"'{name}' {build}" for build, name in builds.items())
            message = f"The files lie on different genome builds: {said}."
            raise TesseraError(Code.wrong_build, message, action="Submit them as separate jobs.", field="vcf")
        self._begin(people, samples, next(iter(builds), None), odd)

    def _begin(self, people: list[Person], samples: list[str], build: str | None, odd: Counter[str]) -> None:
        """Take people whose calls lie on disk."""
        self.fraction = 0.0
        self.contigs: dict[str, int | None] = {}
        self._people, self.samples, self.header_build = people, samples, build
        males = zip(samples, people, strict=True)
        self.sex = {name: "male" for name, person in males if person.male}
        self._odd = odd
        self.remarks: list[Remark] = []

    def __iter__(self) -> Iterator[VariantBlock]:
        """The blocks, by chromosome and position."""
        step = max(1, _BLOCK_GENOTYPES // len(self._people))
        for number, chromosome in enumerate(_CHROMOSOMES, start=1):
            bounds = [np.searchsorted(one.keys, [number << _SHIFT, (number + 1) << _SHIFT]) for one in self._people]
            pairs = list(zip(self._people, bounds, strict=True))
            keys = pairs[0][0].keys[slice(*pairs[0][1])]
            for person, (first, end) in pairs[1:]:
                mine = person.keys[first:end]
                keys = keys if np.array_equal(keys, mine) else np.union1d(keys, mine)
            for at in range(0, len(keys), step):
                block = self._block(chromosome, np.asarray(keys[at : at + step]))
                if len(block.sites):
                    yield block
            self.fraction = number / len(_CHROMOSOMES)
        self.remarks = [
            Remark(code, _SAID[code][0], count, _SAID[code][1]) for code, count in sorted(self._odd.items())
        ]

    def _block(self, chromosome: str, keys: NDArray[np.int64]) -> VariantBlock:
        letters = np.zeros((len(keys), len(self._people), 2), np.uint8)
        ids = np.zeros(len(keys), "S1")
        for column, person in enumerate(self._people):
            rows = np.minimum(np.searchsorted(person.keys, keys), len(person.keys) - 1)
            held = np.flatnonzero(person.keys[rows] == keys)
            letters[held, column] = person.letters[rows[held]]
            fresh = held[ids[held] == b""]
            ids = ids.astype(np.promote_types(ids.dtype, person.ids.dtype))
            ids[fresh] = person.ids[rows[fresh]]
        seen = np.bitwise_or.reduce(letters.reshape(len(keys), -1), axis=1)
        low = seen & (~seen + 1)  # the lowest letter that was seen
        high = seen ^ low
        usable = (low > 0) & ((high & (high - 1)) == 0)
        self._odd["three_letters"] += int((~usable & (low > 0)).sum())
        self._odd += Counter()  # forgets zeros
        keys, ids, letters, low, high = keys[usable], ids[usable], letters[usable], low[usable], high[usable]
        codes = (letters == high[:, None, None]).sum(axis=2, dtype=np.int8)
        codes[(letters == 0).any(axis=2)] = gt.MISSING
        count = len(keys)
        sites = SiteTable(
            chromosome,
            (keys & ((1 << _SHIFT) - 1)).astype(np.int32),
            strings(_LETTER_OF[low]),
            strings(_LETTER_OF[high]),
            strings(one.decode(errors="replace") or "." for one in ids.tolist()),
        )
        nothing = np.zeros(count, np.int32)
        return VariantBlock(sites, codes, False, nothing, (high > 0).astype(np.int32), 0, 0, 0)


def sample_names(names: Sequence[str]) -> list[str]:
    """Sample ids from file names: without endings and blanks, numbered where they would repeat."""
    taken: list[str] = []
    for name in names:
        plain = re.sub(r"\s+", "_", _ENDINGS.sub("", name)).strip("_") or "sample"
        number, found = 2, plain
        while found in taken:
            found, number = f"{plain}_{number}", number + 1
        taken.append(found)
    return taken


def _read(path: Path, scratch: Path, limits: Limits | None, odd: Counter[str]) -> Person:
    """Parse one file and leave its calls in `scratch`."""
    table = CallTable(odd)
    build: str | None = None
    started = False
    for number, line in enumerate(text_lines(path, limits), start=1):
        text = line.decode("utf-8", errors="replace").replace('"', "").strip()
        if not text:
            continue
        if text.startswith("#") or not started:
            if build is None and (found := _BUILD.search(text)) is not None:
                build = _BUILDS[(found[1] or found[2]).lower()]
            started = started or _COLUMNS.match(text) is not None
            continue
        fields = _SPLIT.split(text)
        if len(fields) not in (4, 5) or not fields[2].isdecimal() or len(fields[2]) > 10:
            if _COLUMNS.match(text) is not None:
                continue  # some downloads are several tables one after the other
            raise malformed(
                f"Line {number} is not an identifier, a chromosome, a position and a genotype.", line=number
            )
        table.add(number, fields[0], fields[1], int(fields[2]), "".join(fields[3:]).upper())
    if not table.called:
        raise TesseraError(Code.header_only, "The file has no called genotypes.", field="vcf")
    return table.keep(scratch, build)


class CallTable:
    """Collects the calls of one person."""

    def __init__(self, odd: Counter[str]) -> None:
        """Count what is odd in `odd`."""
        self._odd = odd
        self._keys = array("q")
        self._letters = bytearray()
        self._ids: list[bytes] = []
        self._male = False  # X is written with single letters
        self._numbers: dict[str, int | None] = {}
        self._calls: dict[str, tuple[int, int] | str] = {}

    @property
    def called(self) -> bool:
        """Whether any genotype is called."""
        return any(self._letters)

    def add(self, line: int, ident: str, chromosome: str, pos: int, call: str) -> None:
        """Add a call, upper case; what cannot be used is counted.

        Raises:
            TesseraError: `malformed_record` with the line, `upload_too_large`.
        """
        if chromosome not in self._numbers:
            name = normal_contig(chromosome)
            self._numbers[chromosome] = -1 if name in ("Y", "MT") else _NUMBERS.get(name)
        where = self._numbers[chromosome]
        if where is None or not 0 < pos <= MAX_POS:
            self._odd["unplaced"] += 1
            return
        if where < 0:
            self._odd["y_and_mt"] += 1
            return
        if call not in self._calls:
            self._calls[call] = _call(call)
        pair = self._calls[call]
        if isinstance(pair, str):
            if pair == "malformed":
                raise malformed(f"Line {line} has the genotype {call[:20]!r}.", line=line)
            if pair == "single":
                pair = (_LETTERS[call], _LETTERS[call]) if _CHROMOSOMES[where - 1] == "X" else "half_calls"
                self._male = self._male or not isinstance(pair, str)
            if isinstance(pair, str):
                self._odd[pair] += 1
                if pair == "indels":
                    return
                pair = (0, 0)
        self._keys.append(where << _SHIFT | pos)
        self._letters.extend(pair)
        if len(self._keys) > _MAX_SITES:
            message = f"The file lists more than {_MAX_SITES:,} sites, which no array has."
            raise TesseraError(Code.upload_too_large, message, field="vcf")
        self._ids.append(ident.encode()[:60])

    def keep(self, scratch: Path, build: str | None) -> Person:
        """Move the calls to disk, sorted; of several at one position the first that is called stays."""
        keys, letters = np.array(self._keys), np.array(self._letters).reshape(-1, 2)
        return _keep(scratch, keys, letters, np.array(self._ids, dtype="S"), build, self._male)


def _call(text: str) -> tuple[int, int] | str:
    """Letters of a genotype, or what is odd about it."""
    if not text or _NOT_CALLED.issuperset(text):
        return 0, 0
    if "I" in text or "D" in text:
        return "indels" if set(text) <= {"I", "D", *_NOT_CALLED} else "malformed"
    if len(text) > 2 or not (set(text) <= _LETTERS.keys() | _NOT_CALLED):
        return "malformed"
    if len(text) == 1:
        return "single"
    if text[0] in _NOT_CALLED or text[1] in _NOT_CALLED:
        return "half_calls"
    return _LETTERS[text[0]], _LETTERS[text[1]]


def _keep(
    scratch: Path,
    keys: NDArray[np.int64],
    letters: NDArray[np.uint8],
    ids: NDArray[np.bytes_],
    build: str | None,
    male: bool,
) -> Person:
    """Sort by position, of several calls at one the first that is called, and move the arrays to disk."""
    order = np.lexsort((letters[:, 0] == 0, keys))
    keys = keys[order]
    first = np.concatenate([[True], keys[1:] != keys[:-1]])
    scratch.mkdir(parents=True)
    for name, held_array in (("keys", keys[first]), ("letters", letters[order][first]), ("ids", ids[order][first])):
        np.save(scratch / f"{name}.npy", held_array)
    held = {name: np.load(scratch / f"{name}.npy", mmap_mode="r") for name in ("keys", "letters", "ids")}
    return Person(held["keys"], held["letters"], held["ids"], build, male)
