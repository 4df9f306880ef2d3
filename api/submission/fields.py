"""The fields of `POST /jobs`: what they may hold and what stands for them when they are absent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from api.submission.recipient import refuse_recipient
from errors import Code, TesseraError
from genotypes.builds import base_pairs
from genotypes.effort import EFFORTS
from genotypes.mending import QC_FIELDS, mend_text, parse_mend, parse_share
from genotypes.population_names import RESERVED
from jobs.ids import is_job_id

ENGINES = ("auto", "dae", "peeling")
MODES = ("impute", "qc")
SAMPLES = ("drop", "flag")
FORMATS = ("vcf.gz", "bcf")
# What a pedigree job does besides: see worker.peel_stages.
PEEL = ("segregation", "haplotypes", "correct", "only_new")
SEX_SYSTEMS = ("auto", "XY", "ZW")
# Human builds are always known; a bundle of another species adds its own.
BUILDS = ("auto", "GRCh37", "GRCh38")
FILE_FIELDS = ("vcf", "pedigree", "map", "frequencies")
MAX_NAME_CHARS = 200

_BUILD_ALIASES = {"hg19": "GRCh37", "b37": "GRCh37", "hg38": "GRCh38", "b38": "GRCh38"}
_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}


@dataclass(frozen=True)
class FieldError:
    """One field at fault and the sentence that says why."""

    field: str
    message: str
    code: Code = Code.invalid_field


class FieldsRefused(TesseraError):
    """Fields of one request that cannot be used; `errors` holds all of them, the error itself speaks of the first."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        """Make the refusal from at least one field error."""
        self.errors = tuple(errors)
        first = self.errors[0]
        super().__init__(first.code, first.message, field=first.field)


@dataclass(frozen=True)
class JobFields:
    """Checked fields of a submission.

    Attributes:
        bundle: bundle id, or `auto`.
        build: genome build, or `auto`.
        engine: `auto`, `dae` or `peeling`.
        mode: `impute` or `qc`.
        format: `vcf.gz` or `bcf`.
        r2_min: sites imputed with a lower R2 are left out; 0 to 1.
        from_job: id of the job whose upload this one takes; None when files come with the form.
        name: the job's name; None for the first file's name.
        strict: refuse what could be mended.
        options: `mend`, `samples`, `population`, `effort` and thresholds of variant QC, `PEDIGREE_FIELDS` of a pedigree
            job: all that were given.
    """

    bundle: str = "auto"
    build: str = "auto"
    engine: str = "auto"
    mode: str = "impute"
    format: str = "vcf.gz"
    r2_min: float = 0.0
    from_job: str | None = None
    name: str | None = None
    strict: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def _one_of(name: str, allowed: tuple[str, ...]) -> Callable[[str], str]:
    lowered = {value.lower(): value for value in allowed}

    def parse(text: str) -> str:
        if (value := lowered.get(text.lower())) is None:
            raise ValueError(f"'{name}' must be one of {', '.join(allowed)}.")
        return value

    return parse


def _build(text: str) -> str:
    known = {value.lower(): value for value in BUILDS}
    # Other species' builds are checked against the bundles, not here.
    return known.get(text.lower()) or _BUILD_ALIASES.get(text.lower(), text)


def _mend(text: str) -> str:
    return mend_text(parse_mend(text))


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in _TRUE | _FALSE:
        return lowered in _TRUE
    raise ValueError("'strict' must be true or false.")


def _name(text: str) -> str:
    if len(text) > MAX_NAME_CHARS:
        raise ValueError(f"'name' may hold at most {MAX_NAME_CHARS} characters.")
    if not text.isprintable():
        raise ValueError("'name' may not hold control characters.")
    return text


def _job(text: str) -> str:
    if not is_job_id(text):
        raise ValueError("'from_job' must be the id of a job.")
    return text


def _population(text: str) -> str:
    return text.lower() if text.lower() in RESERVED else text


def _peel(text: str) -> list[str]:
    found = list(dict.fromkeys(text.lower().replace(",", " ").split()))
    if any(one not in PEEL for one in found):
        raise ValueError(f"'peel' is a list of {', '.join(PEEL)}.")
    return found


def _animals(text: str) -> list[str]:
    return list(dict.fromkeys(text.replace(",", " ").split()))


_PARSERS: dict[str, Callable[[str], object]] = {
    "from_job": _job,
    "bundle": lambda text: "auto" if text.lower() == "auto" else text,
    "build": _build,
    "engine": _one_of("engine", ENGINES),
    "mode": _one_of("mode", MODES),
    "format": _one_of("format", FORMATS),
    "r2_min": partial(parse_share, "r2_min"),
    "name": _name,
    "strict": _boolean,
    "recipient": refuse_recipient,
    "mend": _mend,
    "samples": _one_of("samples", SAMPLES),
    **{name: partial(parse_share, name) for name in QC_FIELDS},
    "population": _population,
    "effort": _one_of("effort", EFFORTS),
    "peel": _peel,
    "animals": _animals,
    "doubled_haploids": _animals,
    "non_par": lambda text: list(base_pairs(text)),
    "sex_system": _one_of("sex_system", SEX_SYSTEMS),
}
PEDIGREE_FIELDS = ("peel", "animals", "doubled_haploids", "non_par", "sex_system")
_OPTIONS = ("mend", "samples", *QC_FIELDS, "population", "effort", *PEDIGREE_FIELDS)
# A form's boxes of one name come one after the other; they make one list.
_LISTS = ("mend", "peel", "animals", "doubled_haploids")
TEXT_FIELDS = tuple(_PARSERS)


@dataclass
class FieldReader:
    """Collects the text fields of one form in the order they arrive and says what is wrong with them."""

    errors: list[FieldError] = field(default_factory=list)
    _values: dict[str, object] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _lists: dict[str, str] = field(default_factory=dict)  # what the parts of a list have said so far

    def add(self, name: str, value: bytes) -> None:
        """Check one field and keep its value or its error.

        Args:
            name: the field's name; unknown names become errors.
            value: the part's bytes, expected to be UTF-8; only white space counts as absent, as browsers send inputs
                that were left empty.
        """
        if name in FILE_FIELDS:
            self.errors.append(FieldError(name, f"'{name}' must be a file: curl -F {name}=@FILE, with the @ sign."))
            return
        if name not in _PARSERS:
            known = ", ".join((*FILE_FIELDS, *TEXT_FIELDS))
            self.errors.append(FieldError(name, f"There is no field '{name}'; the fields are {known}."))
            return
        if name in self._seen and name not in _LISTS:
            self.errors.append(FieldError(name, f"'{name}' may be given only once."))
            return
        self._seen.add(name)
        try:
            text = value.decode("utf-8").strip()
        except UnicodeDecodeError:
            self.errors.append(FieldError(name, f"'{name}' is not UTF-8 text."))
            return
        if not text:
            return
        if name in _LISTS:
            text = self._lists[name] = ",".join([*filter(None, [self._lists.get(name)]), text])
        try:
            self._values[name] = _PARSERS[name](text)
        except ValueError as problem:
            self.errors.append(FieldError(name, str(problem)))

    def refuse_errors(self) -> None:
        """Raise what has been found so far.

        Raises:
            FieldsRefused: when any field so far cannot be used.
        """
        if self.errors:
            raise FieldsRefused(self.errors)

    def result(self, base: JobFields | None = None) -> JobFields:
        """Return the checked fields, those that are absent from `base` or with their defaults.

        Raises:
            FieldsRefused: when any field cannot be used.
        """
        self.refuse_errors()
        base = base or JobFields()
        options = {name: self._values[name] for name in _OPTIONS if name in self._values}
        values = {name: value for name, value in self._values.items() if name not in _OPTIONS}
        return replace(base, **values, options=base.options | options)  # type: ignore[arg-type]  # parsers give the types
