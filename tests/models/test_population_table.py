"""Who belongs to which population, and what is pooled."""

from __future__ import annotations

from pathlib import Path

import pytest

from errors import TesseraError
from models.population_table import pool, read_populations


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_labels_come_from_the_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "p.txt", "sample\tpop\tsuper_pop\tgender\nA\tGBR\tEUR\tmale\nB\tYRI\tAFR\tmale\n")
    assert read_populations(path) == {"A": ("GBR", "EUR"), "B": ("YRI", "AFR")}
    assert read_populations(path, "super_pop") == {"A": ("EUR", ""), "B": ("AFR", "")}
    with pytest.raises(TesseraError):
        read_populations(path, "region")


def test_a_third_column_that_is_no_larger_population_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "id,pop,sex\nA,GBR,male\nB,GBR,female\nC,YRI,male\n")
    assert read_populations(path) == {"A": ("GBR", ""), "B": ("GBR", ""), "C": ("YRI", "")}


@pytest.mark.parametrize("name", ["auto", "ALL", "others"])
def test_names_that_mean_something_else_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(TesseraError, match="taken"):
        read_populations(write(tmp_path / "p.txt", f"id pop\nA {name}\n"))


def people(**sizes: int) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Labels from `EUR_GBR=30`, and the samples; `none` has no label."""
    labels, samples = {}, []
    for name, size in sizes.items():
        for k in range(size):
            samples.append(f"{name}{k}")
            if name != "none":
                above, _, below = name.partition("_")
                labels[f"{name}{k}"] = (below, above)
    return labels, samples


def sizes(labels: dict[str, tuple[str, str]], samples: list[str]) -> dict[str, int]:
    return {name: len(members) for (name, _), members in pool(labels, samples).items()}


def test_small_populations_are_pooled_within_the_larger_one() -> None:
    assert sizes(*people(EUR_GBR=30, EUR_FIN=12, EUR_TSI=11, AFR_YRI=25)) == {"YRI": 25, "GBR": 30, "other EUR": 23}


def test_nobody_is_left_who_could_be_told_from_the_whole_panel() -> None:
    # Seven unlabelled people: the smallest population joins them.
    assert sizes(*people(EUR_GBR=30, EUR_FIN=40, AFR_YRI=25, none=7)) == {"FIN": 40, "GBR": 30, "others": 32}
    assert sizes(*people(EUR_GBR=30, EUR_FIN=3, AFR_YRI=25)) == {"GBR": 30, "others": 28}
    assert sizes(*people(EUR_GBR=30, none=20)) == {"GBR": 30, "others": 20}
    assert sizes(*people(EUR_GBR=10, none=5)) == {}
    labels, samples = people(EUR_GBR=33, EUR_FIN=3, AFR_YRI=25, AFR_LWK=19, none=4)
    groups = pool(labels, samples)
    assert sorted(sample for members in groups.values() for sample in members) == sorted(samples)
    assert min(map(len, groups.values())) >= 20
