"""The table of who belongs to which population, and what is pooled because too few people do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from errors import Code, TesseraError
from genotypes.population_names import RESERVED
from genotypes.populations import LEAST_PEOPLE

REST: Final = "others"  # people without a label, and those of populations that are too small

Labels = Mapping[str, tuple[str, str]]
"""Population and larger population ("" for none) by sample id."""


def read_populations(path: Path, column: str | None = None) -> dict[str, tuple[str, str]]:
    """Labels by sample id, from a text file with a header line.

    Args:
        path: columns separated by tabs, commas or spaces: the sample's id, its population and, where there is one, the
            larger population. A third column that some population has two values of is something else, and not read.
        column: name of the population's column; then there are no larger ones.

    Raises:
        TesseraError: `setup_invalid` when there is no such column, or a population has a name that a job uses for
            something else.
    """
    lines = [line.replace(",", " ").split() for line in path.read_text().splitlines() if line.strip()]
    header = lines[0] if lines else []
    if column is not None and column not in header:
        message = f"{path.name} has no column '{column}'; it has {', '.join(header)}."
        raise TesseraError(Code.setup_invalid, message)
    at = 1 if column is None else header.index(column)
    labels = {words[0]: words[at] for words in lines[1:] if len(words) > at}
    if not labels:
        raise TesseraError(Code.setup_invalid, f"{path.name} labels nobody.")
    above = {words[0]: words[2] for words in lines[1:] if len(words) > 2} if column is None else {}
    larger = _nested(labels, above)
    for name in {*labels.values(), *larger.values()}:
        if name.lower() in (*RESERVED, REST):
            raise TesseraError(Code.setup_invalid, f"{path.name} calls a population '{name}', which is taken.")
    return {sample: (name, larger.get(name, "")) for sample, name in labels.items()}


def _nested(labels: Mapping[str, str], above: Mapping[str, str]) -> dict[str, str]:
    """Larger population of every population; nothing where the third column is no such thing."""
    found: dict[str, str] = {}
    for sample, name in labels.items():
        if sample not in above or found.setdefault(name, above[sample]) != above[sample]:
            return {}
    if len(set(found.values())) < 2 or set(found.values()) & set(found):
        return {}
    return found


def pool(labels: Labels, samples: Sequence[str], least: int = LEAST_PEOPLE) -> dict[tuple[str, str], list[str]]:
    """Sample ids by population, none of them smaller than `least` people.

    A small population goes into "other X" of its larger population X where that makes enough people, else with those
    without a label into `REST`. If these are too few, the smallest population joins them: else they could be told
    from the whole panel's frequencies less those of all populations.

    Args:
        labels: by sample id.
        samples: the panel's.
        least: people.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for sample in samples:
        groups.setdefault(labels.get(sample, (REST, "")), []).append(sample)
    rest = groups.pop((REST, ""), [])
    small = [key for key in groups if len(groups[key]) < least]
    others: dict[tuple[str, str], list[str]] = {}
    for key in small:
        others.setdefault((f"other {key[1]}", key[1]) if key[1] else (REST, ""), []).extend(groups.pop(key))
    for key, members in others.items():
        if key[1] and len(members) >= least:
            groups[key] = members
        else:
            rest += members
    if 0 < len(rest) < least and groups:
        rest += groups.pop(min(groups, key=lambda key: len(groups[key])))
    ordered = dict(sorted(groups.items(), key=lambda item: (item[0][1], len(item[0][0]), item[0][0])))
    if len(rest) >= least:
        ordered[REST, ""] = rest
    return ordered
