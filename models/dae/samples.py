"""Training pairs without limit: mosaics of the panel's haplotypes, seen through arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genotypes.clusters import Groups
from genotypes.mosaic import mosaics


@dataclass(frozen=True)
class MaskOptions:
    """What a training sample shows of itself."""

    array_share: float = (
        0.85  # share of samples that see a real array; the others see a random share of all input sites
    )
    array_missing: float = 0.2  # up to this share of an array's sites is missing
    random_low: float = 0.005  # a random mask shows from this share of the input sites ...
    random_high: float = 0.6  # ... to this, log-uniformly
    error: float = 0.002  # share of shown genotypes that are wrong by one allele
    homozygous: float = 0.2  # share of samples that are one haplotype twice: phased, haploid and inbred input
    ramp: tuple[float, float] | None = None  # no arrays: hidden share of input sites at the first and the last step


@dataclass(frozen=True)
class MosaicOptions:
    """Where a training person's segments come from."""

    switches: float = 1.0  # per cM
    within: float = 0.85  # share of segments that are copied from the person's own cluster; the others from anywhere
    mixed: float = 0.15  # share of people with two clusters, either for each segment


class ClusterChoice:
    """Chooses the haplotypes that the mosaics of a batch are copied from: both of a person from one cluster."""

    def __init__(self, groups: Groups, batch: int, rng: np.random.Generator, o: MosaicOptions) -> None:
        """Draw the clusters of `batch` people; a cluster as often as it has members."""
        n = len(groups.order)
        of = np.repeat(np.arange(len(groups.size)), groups.size)
        self._groups, self._batch, self._options = groups, batch, o
        self._one, self._two = of[rng.integers(n, size=batch)], of[rng.integers(n, size=batch)]
        self._two = np.where(rng.random(batch) < o.mixed, self._two, self._one)

    def __call__(self, rng: np.random.Generator, mosaic: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N,) mosaic of each segment (person b has b and batch + b) -> (N,) haplotype."""
        person = mosaic % self._batch
        group = np.where(rng.random(len(mosaic)) < 0.5, self._one[person], self._two[person])
        group[rng.random(len(mosaic)) >= self._options.within] = -1
        return self._groups.draw(rng, group)


def draw_masks(
    rng: np.random.Generator,
    arrays: Sequence[NDArray[np.bool_]],
    inputs: int,
    batch: int,
    o: MaskOptions,
    done: float = 0.0,
) -> NDArray[np.bool_]:
    """(batch, inputs) bool: which input sites each sample shows, `done` (0-1) of training being done.

    `arrays` are (inputs,) bool, may be none.
    """
    if o.ramp:
        return rng.random((batch, inputs), np.float32) >= o.ramp[0] + done * (o.ramp[1] - o.ramp[0])
    shown = np.empty((batch, inputs), np.float32)
    # Sparse arrays are the harder ones to impute from: an array is drawn by the inverse root of its density.
    weights = np.array([max(1, int(typed.sum())) for typed in arrays]) ** -0.5
    for row in shown:
        if arrays and rng.random() < o.array_share:
            row[:] = arrays[int(rng.choice(len(arrays), p=weights / weights.sum()))]
            row *= 1 - o.array_missing * rng.random()
        else:
            row[:] = np.exp(rng.uniform(np.log(o.random_low), np.log(o.random_high)))
    return rng.random((batch, inputs), np.float32) < shown


class Sampler:
    """Draws batches of one tile: input dosages with -1 where hidden, and the dosages of all output sites."""

    def __init__(
        self,
        haplotypes: NDArray[np.int8],
        cm: NDArray[np.float64],
        inputs: NDArray[np.int64],
        outputs: slice,
        arrays: Sequence[NDArray[np.bool_]],
        mosaic: MosaicOptions,
        masks: MaskOptions,
        seed: int,
        clusters: NDArray[np.int64] | None = None,
    ) -> None:
        """Keep the tile's window of the panel.

        Args:
            haplotypes: (H, W) alleles of the window, one contiguous row a haplotype.
            cm: (W,) map positions.
            inputs: (I,) columns of the window that the tile reads.
            outputs: columns of the window that the tile writes.
            arrays: (I,) bool each, the inputs that an array types.
            mosaic: how training people are put together.
            masks: what a sample shows.
            seed: of the generator.
            clusters: (H,) cluster of each haplotype; one cluster by default.
        """
        self.haplotypes, self.cm, self.inputs, self.outputs = haplotypes, cm, inputs, outputs
        self.arrays, self.mosaic, self.masks = arrays, mosaic, masks
        self.groups = Groups.of(np.zeros(len(haplotypes), np.int64) if clusters is None else clusters)
        self.rng = np.random.default_rng(seed)

    def draw(self, batch: int, done: float = 0.0) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """(batch, I) int8 shown dosages, -1 hidden; (batch, V) int8 true dosages; `done` (0-1) of training is done."""
        rng, masks = self.rng, self.masks
        choose = ClusterChoice(self.groups, batch, rng, self.mosaic)
        haps = mosaics(rng, self.haplotypes, self.cm, 2 * batch, self.mosaic.switches, choose)
        mothers, fathers = haps[:batch], haps[batch:]
        single = rng.random(batch) < masks.homozygous
        fathers[single] = mothers[single]
        dosage = mothers + fathers  # (batch, W)
        shown = dosage[:, self.inputs]
        wrong = rng.random(shown.shape, np.float32) < masks.error
        wrong_to = np.where(shown == 1, rng.integers(0, 2, shown.shape, np.int8) * 2, 1).astype(np.int8)
        # A homozygous sample's error is a whole wrong allele: a haplotype has no heterozygotes.
        wrong_to = np.where(single[:, None], 2 - shown, wrong_to)
        shown = np.where(wrong, wrong_to, shown)
        visible = draw_masks(rng, self.arrays, len(self.inputs), batch, masks, done)
        return np.where(visible, shown, -1).astype(np.int8), dosage[:, self.outputs]
