"""The report's plots: marks where the numbers say, labels that do not collide, everything also as a table."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from worker.pipeline.cohort_stats import histogram
from worker.pipeline.figures.along import density_figure, running
from worker.pipeline.figures.ancestry import ancestry_figure
from worker.pipeline.figures.bars import expected_figure, histogram_figure, quality_figure
from worker.pipeline.figures.clouds import frequency_figure, heterozygosity_figure
from worker.pipeline.figures.svg import LEFT, Axis, Figure, Frame, numbered, ticks
from worker.pipeline.types import QualityBin, Window

SVG = "{http://www.w3.org/2000/svg}"
BINS = [QualityBin(0.0, 0.01, 50, 0.25), QualityBin(0.01, 0.5, 9, 1.0)]
FREQUENCY = {
    "x_range": [0, 1], "y_range": [0, 1], "points": [[0.1, 0.1], [0.5, 0.45], [0.1, 0.9]], "cells": None, "grid": 50,
    "sites": 3, "correlation": 0.5, "far": 1, "far_above": 0.2, "farthest": [],
    "deciles": [{"low": 0.1, "high": 0.2, "sites": 2, "upload": 0.5, "apart": 0.4, "far": 1}],
}  # fmt: skip
HET = {
    "x_range": [0.9, 1], "y_range": [0.1, 0.5], "points": [[0.99, 0.3], [0.98, 0.31], [0.97, 0.49]], "cells": None,
    "grid": 50, "samples": 3, "autosomal": True, "mean": 0.33, "sd": 0.02, "outliers": 1, "outlying_sd": 3.0,
    "extreme": [{"sample": "<S>", "heterozygosity": 0.49, "call_rate": 0.97, "outlier": True}],
}  # fmt: skip
DENSITY = {"chromosome": "20", "edges": [0, 1_000_000, 2_000_000, 3_000_000], "typed": [4, 0, 9], "bundle": [9, 9, 9]}
WINDOWS = [Window(0, 1_000_000, 4, 5, 0.5, 0.6), Window(1_000_000, 2_000_000, 0, 9, None, None),
           Window(2_000_000, 3_000_000, 9, 0, 0.7, None)]  # fmt: skip
EXPECTED = {
    "typed_share": 0.02, "outside": "sparser", "arrays": [{"array": "GSA", "weight": 1.0, "typed_share": 0.03}],
    "bins": [{"maf": [0.0, 0.05], "sites": 90, "typed": 1, "r2": 0.4, "error": 0.05},
             {"maf": [0.05, 0.5], "sites": 90, "typed": 9, "r2": None, "error": None}],
}  # fmt: skip
ANCESTRY: dict[str, Any] = {
    "axes": [{"name": "PC1", "explained": 0.11}, {"name": "PC2", "explained": 0.05}],
    "reference": [{"population": "EUR", "centre": [0.0, 0.0], "spread": [0.01, 0.02]},
                  {"population": "AFR", "centre": [1.0, 1.0], "spread": 0.01}],
    "samples": [{"id": "S1", "pc": [0.01, 0.0], "population": "EUR", "probability": 0.99},
                {"id": "S2", "pc": None, "population": None, "probability": None}],
}  # fmt: skip


def all_figures() -> list[Figure]:
    grid = FREQUENCY | {"points": None, "cells": [[0, 0, 5000], [49, 49, 1]]}
    made = [
        quality_figure(BINS, BINS),
        quality_figure(BINS, []),
        expected_figure(EXPECTED),
        histogram_figure("h", "Call rate", "x", "call rate", "samples", {"edges": [0.0, 0.5, 1.0], "counts": [1, 3]}),
        frequency_figure(FREQUENCY),
        frequency_figure(grid),
        heterozygosity_figure(HET),
        density_figure(DENSITY),
        density_figure(DENSITY, WINDOWS),
        ancestry_figure(ANCESTRY),
    ]
    return [one for one in made if one is not None]


def tree(figure: Figure) -> ElementTree.Element:
    return ElementTree.fromstring(str(figure.svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def marks(figure: Figure, tag: str, kind: str) -> list[ElementTree.Element]:
    return [one for one in tree(figure).iter(SVG + tag) if kind in str(one.get("class")).split()]


@pytest.mark.parametrize("figure", all_figures(), ids=lambda figure: figure.ident)
def test_every_plot_is_sound(figure: Figure) -> None:
    root = tree(figure)
    _, _, width, height = map(float, str(root.get("viewBox")).split())
    title, desc = root.find(SVG + "title"), root.find(SVG + "desc")
    assert title is not None
    assert desc is not None
    assert (title.text, bool(desc.text)) == (figure.title, True)
    assert figure.table.rows
    assert {len(row) for row in figure.table.rows} == {len(figure.table.head)}
    assert not re.search(r'fill="|stroke="|style="', figure.svg), "colours belong to the style sheet"
    assert "nan" not in figure.svg.lower()
    assert [one.text for one in root.iter(SVG + "text") if one.get("class") == "axis"], "axes are labelled"
    labels = {}
    for one in root.iter(SVG + "text"):
        x, y, size = float(str(one.get("x"))), float(str(one.get("y"))), 7.2 * len(one.text or "")
        assert 0 <= y <= height
        if one.get("transform") is None:
            left = x - {"start": 0, "middle": size / 2, "end": size}[str(one.get("text-anchor"))]
            assert left >= -1
            assert left + size <= width + 8, f"{one.text} is cut"
            labels.setdefault(round(y), []).append((left, left + size))
    for row in labels.values():
        row.sort()
        assert all(end <= start + 3 for (_, end), (start, _) in pairwise(row)), "labels overlap"


def test_bars_are_as_high_as_their_values() -> None:
    figure = quality_figure(BINS, [])
    assert figure is not None
    heights = [float(str(one.get("height"))) for one in marks(figure, "rect", "bar")]
    assert heights[0] * 4 == pytest.approx(heights[1], abs=0.3)
    assert quality_figure([QualityBin(0, 0.5, 0, None)], []) is None
    both = quality_figure(BINS, BINS)
    assert both is not None
    assert len(marks(both, "rect", "bar2")) == 2


def test_far_points_differ_in_form_and_not_in_colour_alone() -> None:
    figure = frequency_figure(FREQUENCY)
    (near,), (away,) = marks(figure, "path", "dots"), marks(figure, "path", "crosses")
    assert str(near.get("d")).count("M") == 2
    assert str(away.get("d")).count("M") == 1
    assert [name for _, name in figure.legend] == ["site", "differs by more than 0.2"]
    het = heterozygosity_figure(HET)
    assert str(marks(het, "path", "crosses")[0].get("d")).count("M") == 1
    assert "&lt;S&gt;" not in het.svg, "names stand in the table alone"


def test_grids_are_darker_where_more_points_lie() -> None:
    figure = frequency_figure(FREQUENCY | {"points": None, "cells": [[0, 0, 5000], [49, 49, 1]]})
    many, one = marks(figure, "rect", "cell")
    assert float(str(many.get("opacity"))) == 1 > float(str(one.get("opacity"))) > 0.1
    assert float(str(many.get("x"))) < float(str(one.get("x")))
    assert float(str(many.get("y"))) > float(str(one.get("y")))


def test_running_mean_is_weighed_and_broken_where_nothing_is() -> None:
    assert running([0.2, 0.8], [1, 3]) == pytest.approx([0.65, 0.65])
    assert running([None] * 3 + [0.5], [0, 0, 0, 2])[:1] == [None]
    figure = density_figure(DENSITY, WINDOWS)
    assert [row[1:] for row in figure.table.rows][1] == (0, 9, "\N{EN DASH}", "\N{EN DASH}")
    assert len(marks(figure, "rect", "bar")) == 2


def test_map_draws_regions_samples_and_says_what_it_could_not_place() -> None:
    figure = ancestry_figure(ANCESTRY)
    assert figure is not None
    wide, small = (float(str(one.get("rx"))) for one in marks(figure, "ellipse", "region"))
    assert wide == pytest.approx(small, abs=0.2)
    assert len(figure.table.rows) == 1
    assert [kind for kind, _ in figure.legend] == ["pop0 form0", "pop1 form1"]
    assert "PC1 (11.0% of variance)" in figure.svg
    assert ancestry_figure({"axes": [], "reference": [], "samples": []}) is None


def test_many_populations_differ_in_colour_or_form_and_each_is_a_group() -> None:
    names = [f"P{k}" for k in range(26)]
    reference = [{"population": name, "centre": [k, k], "spread": 0.1} for k, name in enumerate(names)]
    samples = [{"id": n, "pc": [k, 0.0], "population": n, "probability": 1.0} for k, n in enumerate(names)]
    figure = ancestry_figure({"axes": [], "reference": reference, "samples": samples})
    assert figure is not None
    assert len({kind for kind, _ in figure.legend}) == 26
    paths = marks(figure, "path", "marks")
    relative = {re.sub("M[^l]*", "", str(path.get("d"))) + str(path.get("class")) for path in paths}
    assert len(relative) == 26
    assert figure.svg.count('data-group="25"') == 2


def test_sparser_uploads_are_warned() -> None:
    figure = expected_figure(EXPECTED)
    assert figure is not None
    assert "expect less" in figure.text
    assert len(marks(figure, "rect", "bar")) == 1
    assert expected_figure(EXPECTED | {"bins": EXPECTED["bins"][1:]}) is None


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.98, 1), (0, 7), (60_479, 2_286_028), (-0.03, 0.02), (5, 5)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 1 <= len(found) <= 9
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
    assert all(len(text) <= 9 for _, text in numbered(low, high))


def test_a_frame_without_width_puts_marks_in_the_middle() -> None:
    frame = Frame(Axis("x", 1, 1), Axis("y", 0, 1))
    assert frame.at_x(1) == (LEFT + frame.right) / 2
    assert histogram_figure("h", "t", "x", "a", "b", histogram(np.empty(0), 0, 1, 4)) is None


def test_one_sample_has_no_spread_to_be_judged_by() -> None:
    one = HET | {"points": [[1.0, 0.24]], "samples": 1, "mean": 0.24, "sd": 0.0, "outliers": 0, "extreme": []}
    figure = heterozygosity_figure(one, 0)
    assert figure.text.startswith("1 sample; heterozygosity 24.0%.")
    assert "deviation" not in figure.text
    assert 'class="guide2"' not in figure.svg


def test_what_the_plot_and_sample_qc_count_apart_is_explained() -> None:
    assert "Sample QC" not in heterozygosity_figure(HET, 1).text
    assert heterozygosity_figure(HET, 4).text.endswith("found 4.")


def test_the_map_counts_everybody_and_says_how_many_are_drawn() -> None:
    figure = ancestry_figure(ANCESTRY | {"counts": {"EUR": 2_500, "AFR": 1}})
    assert figure is not None
    assert figure.text.startswith("2,501 samples, the first 1 of them drawn; nearest population: EUR 2,500, AFR 1.")


def test_long_numbers_of_a_scale_stay_clear_of_its_name() -> None:
    figure = heterozygosity_figure(HET | {"y_range": [0.2325, 0.25]})
    longest = max((len(text) for text in re.findall(r'text-anchor="end" >([^<]+)<', figure.svg)), default=0)
    assert longest >= 5
    # A digit is at most 9 pixels wide; the name stands on the baseline at 14.
    assert LEFT - 8 - 9 * longest > 14
