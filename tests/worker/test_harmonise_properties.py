"""However a clean cohort is written, its harmonised genotypes are the same."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genotypes import codes as gt
from tests.support.chains import Piece, write_chain
from tests.support.cohorts import (
    FIRST,
    NO_QC,
    STEP,
    cohort,
    cohort_bundle,
    flip_rows,
    meet_bundle,
    palindromes,
    swap_rows,
)
from tests.support.uploads import Upload
from worker.pipeline.harmonise import HarmoniseOptions

BUNDLE = cohort_bundle()
CLEAN = cohort(BUNDLE)
SITES = len(CLEAN.pos)
SHOULD_BE = np.array([[{"0/0": 0, "0/1": 1, "1/1": 2, "./.": -1}[one] for one in row] for row in CLEAN.gts], np.int8)

ROWS = st.sets(st.integers(0, SITES - 1)).map(sorted)
SEED = st.integers(0, 2**32 - 1)


def harmonised(upload: Upload, options: HarmoniseOptions | None = None) -> gt.Codes:
    with TemporaryDirectory() as folder:
        return meet_bundle(Path(folder), upload, BUNDLE, options)[1]


def test_the_clean_cohort_comes_out_as_it_is() -> None:
    assert np.array_equal(harmonised(CLEAN), SHOULD_BE)


@settings(max_examples=15, deadline=None)
@given(swapped=ROWS, flip=st.booleans(), seed=SEED, contig=st.sampled_from(["20", "chr20", "CHR20", "NC_000020.10"]))
def test_swaps_one_strand_order_and_names_change_nothing(
    swapped: list[int], flip: bool, seed: int, contig: str
) -> None:
    upload = swap_rows(CLEAN, swapped)
    if flip:
        upload = flip_rows(upload, list(range(SITES)))
    upload = replace(upload, chrom=[contig] * SITES)
    order = np.random.default_rng(seed).permutation(SITES).tolist()
    assert np.array_equal(harmonised(upload.rows(order)), SHOULD_BE)


@settings(max_examples=15, deadline=None)
@given(seed=SEED, share=st.floats(0.05, 0.95), swapped=ROWS)
def test_mixed_strands_are_mended_or_left_out_and_never_mistaken(seed: int, share: float, swapped: list[int]) -> None:
    flipped = np.flatnonzero(np.random.default_rng(seed).random(SITES) < share).tolist()
    found = harmonised(flip_rows(swap_rows(CLEAN, swapped), flipped))
    unused = (found == gt.MISSING).all(axis=1)
    assert np.array_equal(found[~unused], SHOULD_BE[~unused])
    assert not unused[~palindromes(BUNDLE)].any()
    af = BUNDLE.sites("20").af
    assert af is not None
    clear = np.minimum(af, 1 - af) < 0.2
    assert not unused[clear].any()


@settings(max_examples=10, deadline=None)
@given(cuts=st.sets(st.integers(1, SITES - 1), max_size=6), inverted=st.integers(0, 127), seed=SEED, swapped=ROWS)
def test_lifting_brings_every_site_home(cuts: set[int], inverted: int, seed: int, swapped: list[int]) -> None:
    """The other build holds the pieces of the chromosome in another order, some of them inverted."""
    edges = [0, *sorted(cuts), SITES]
    spans = list(pairwise(edges))
    pieces, at = [], 5_000_000
    for number in np.random.default_rng(seed).permutation(len(spans)).tolist():
        first, end = spans[number]
        size = (end - first) * STEP
        pieces.append(Piece(at, FIRST - 1 + first * STEP, size, bool(inverted >> number & 1)))
        at += size + 777
    upload = swap_rows(CLEAN, swapped)
    homes = [next(one for one in pieces if one.to_source(pos) is not None) for pos in CLEAN.pos]
    upload = flip_rows(upload, [row for row, one in enumerate(homes) if one.reverse])
    elsewhere = [one.to_source(pos) for one, pos in zip(homes, CLEAN.pos, strict=True)]
    upload = replace(upload, pos=elsewhere).rows(np.argsort(elsewhere).tolist())
    with TemporaryDirectory() as folder:
        chains = write_chain(Path(folder) / "chains", pieces)
        options = HarmoniseOptions(qc=NO_QC, chains=chains)
        summary, found = meet_bundle(Path(folder), upload, BUNDLE, options)
    assert np.array_equal(found, SHOULD_BE)
    assert summary.qc["build"]["detected"] == "GRCh38"
    assert summary.qc["build"]["lifted"]
