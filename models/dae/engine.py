"""Inference: the DAE behind `models.protocol.Imputer`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from errors import Code, TesseraError
from genotypes.codes import dosage, haplotypes
from models.dae.activations import Activations
from models.dae.architecture import TileModel
from models.dae.bundle import Bundle
from models.dae.calibrate import Calibration, apply
from models.dae.encoding import prior_logits
from models.protocol import ImputedBlock, SitesDone, Tile, TypedGenotypes, unheard, unlinked

FOLDS = 5  # typed sites are hidden a fifth at a time for the leave-out dosages
KEEP_BYTES = 512 << 20  # weights that stay loaded, at most (one tile always does)
KEEP_LATENTS = 256 << 20  # bytes of latents of a tile, leave-out ones too, that are kept between its blocks

Rows = slice | NDArray[np.int32]  # of a tile's sites
Calibrate = Callable[[Tensor, Rows], Tensor]  # (P, V, 2) logits of some rows of a tile -> the same, calibrated


@dataclass(frozen=True)
class Passes:
    """The rows that go through the network: a diploid unphased sample once, a haplotype as a homozygous diploid."""

    dosage: NDArray[np.int8]  # (P, T) of 0-2, -1 hidden
    sample: NDArray[np.int64]  # (P,) which sample
    second: NDArray[np.bool_]  # (P,) the second haplotype of a phased diploid
    single: NDArray[np.bool_]  # (P,) one haplotype, not a diploid


def make_passes(typed: TypedGenotypes) -> Passes:
    """How many times, and as what, each sample goes through the network."""
    samples = np.arange(typed.codes.shape[1])
    haploid = typed.ploidy == 1
    if not typed.phased:
        seen = dosage(typed.codes)
        seen = np.where(haploid & (seen > 0), 2 * seen, seen)
        return Passes(np.ascontiguousarray(seen.T), samples, np.zeros(len(samples), bool), haploid)
    pair = haplotypes(typed.codes)  # (T, S, 2)
    diploid = samples[~haploid]
    alleles = np.concatenate([pair[:, :, 0].T, pair[:, diploid, 1].T])
    return Passes(
        np.where(alleles > 0, 2, alleles),
        np.concatenate([samples, diploid]),
        np.concatenate([np.zeros(len(samples), bool), np.ones(len(diploid), bool)]),
        np.ones(len(alleles), bool),
    )


class DaeImputer:
    """One chromosome of a bundle; implements `models.protocol.Imputer`."""

    before_blocks = 0.0
    finds_phase = False

    def __init__(self, bundle: Bundle, chrom: str, *, device: str = "cpu", threads: int | None = None) -> None:
        """Read the chromosome's tables.

        Weights are loaded when a tile is first used, and the least recently used ones dropped beyond `KEEP_BYTES`.

        Args:
            bundle: opened bundle.
            chrom: one of its chromosomes.
            device: torch device.
            threads: torch threads of this process; None leaves them.
        """
        if threads:
            torch.set_num_threads(threads)
        self.bundle, self.chrom, self.device = bundle, chrom, device
        self.keep_bytes, self.keep_latents = KEEP_BYTES, KEEP_LATENTS
        self.sites = bundle.sites(chrom)
        self.tiles: Sequence[Tile] = bundle.tiles(chrom)
        self._nets: OrderedDict[int, TileModel] = OrderedDict()
        self._architecture = bundle.architecture
        self._calibration = Calibration.from_dict(bundle.manifest.calibration) if bundle.manifest.calibration else None
        if self._calibration and self.sites.af is None:
            raise TesseraError(Code.bundle_invalid, "The bundle is calibrated by allele frequencies that it lacks.")

    def impute(self, tiles: range, typed: TypedGenotypes, heard: SitesDone = unheard) -> Iterator[ImputedBlock]:
        """Impute consecutive tiles, a decoder block at a time; see `models.protocol.Imputer`."""
        if not self.bundle.manifest.reads_haplotypes:
            typed = replace(typed, phased=False)
        typed = unlinked(typed)
        passes = make_passes(typed)
        for index in tiles:
            yield from self._impute_tile(self.tiles[index], typed, passes)

    def _net(self, index: int) -> TileModel:
        if index not in self._nets:
            self._nets[index] = self.bundle.load(self.chrom, index, self.device)
        self._nets.move_to_end(index)
        while len(self._nets) > 1 and sum(map(weight_bytes, self._nets.values())) > self.keep_bytes:
            self._nets.popitem(last=False)
        return self._nets[index]

    @torch.inference_mode()
    def _impute_tile(self, tile: Tile, typed: TypedGenotypes, passes: Passes) -> Iterator[ImputedBlock]:
        net = self._net(tile.index)
        shown = place(tile, typed.rows, passes.dosage)  # (P, I)
        own = typed.rows[(typed.rows >= tile.first) & (typed.rows < tile.end)]
        parts = [own[k::FOLDS] for k in range(min(FOLDS, len(own)))]
        keep = 4 * net.options.latents * len(shown) * (1 + len(parts)) <= self.keep_latents
        seen = Activations(net, shown, None, device=self.device, keep=keep)
        folds = [
            (part, Activations(net, shown, np.isin(tile.inputs, part), device=self.device, keep=keep)) for part in parts
        ]
        calibrate = self._calibrator(tile)
        for k, (first, end) in enumerate(net.options.blocks):
            gp, hds = self._posterior(calibrate(seen.decode(k), slice(first, end)), passes, typed)
            out = np.full((end - first, len(typed.ploidy)), np.nan, np.float32)
            for part, blind in folds:
                local = part[(part >= tile.first + first) & (part < tile.first + end)] - tile.first
                if len(local):
                    logits = calibrate(blind.decode(k, torch.from_numpy(local - first)), local)
                    out[local - first] = self._dosage(logits, passes, typed)
            yield ImputedBlock(tile.first + first, gp, hds, out)

    def _calibrator(self, tile: Tile) -> Calibrate:
        """The calibration of a tile's logits; none where the bundle has none, and then nobody asks for frequencies."""
        if self._calibration is None or self.sites.af is None:
            return lambda logits, _rows: logits
        af = self.sites.af[tile.first : tile.end]
        prior = prior_logits(torch.from_numpy(af)).to(self.device)
        scale = self._calibration.scale(af).to(self.device)
        return lambda logits, rows: apply(logits, prior[rows], scale[rows])

    def _dosage(self, logits: Tensor, passes: Passes, typed: TypedGenotypes) -> NDArray[np.float32]:
        """(P, R, 2) calibrated logits -> (R, S) dosages."""
        gp, hds = self._posterior(logits, passes, typed)
        if hds is not None:
            return np.asarray(hds.sum(-1), np.float32)
        alleles = typed.ploidy.astype(np.float32) / 2
        return np.asarray((gp[..., 1] + 2 * gp[..., 2]) * alleles, np.float32)

    def _posterior(
        self, logits: Tensor, passes: Passes, typed: TypedGenotypes
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """(P, V, 2) calibrated logits -> gp (V, S, 3), and hds (V, S, 2) of phased input."""
        samples = len(typed.ploidy)
        if not passes.single.any():
            return self._architecture.genotypes(logits).permute(1, 0, 2).contiguous().cpu().numpy(), None
        alt = self._architecture.allele(logits).T.cpu().numpy()  # (V, P)
        first = ~passes.second
        one = alt[:, first]  # (V, S)
        gp = np.empty((len(alt), samples, 3), np.float32)
        if not passes.single.all():
            gp[:] = self._architecture.genotypes(logits[torch.from_numpy(first)]).permute(1, 0, 2).cpu().numpy()
        haploid = typed.ploidy == 1
        gp[:, haploid] = np.stack([1 - one, np.zeros_like(one), one], -1)[:, haploid]
        if not typed.phased:
            return gp, None
        two = np.zeros_like(one)
        two[:, passes.sample[passes.second]] = alt[:, passes.second]
        both = np.stack([(1 - one) * (1 - two), one * (1 - two) + two * (1 - one), one * two], -1)
        gp[:, ~haploid] = both[:, ~haploid]
        return gp, np.stack([one, two], -1)


def weight_bytes(net: TileModel) -> int:
    """Bytes of a network's weights in memory."""
    return sum(p.numel() * p.element_size() for p in net.parameters())


def place(tile: Tile, rows: NDArray[np.int32], seen: NDArray[np.int8]) -> NDArray[np.int8]:
    """Put typed genotypes where the tile reads them: (P, T) at chromosome rows (T,) -> (P, I), -1 where untyped."""
    shown = np.full((len(seen), len(tile.inputs)), -1, np.int8)
    at = np.searchsorted(tile.inputs, rows)
    known = (at < len(tile.inputs)) & (tile.inputs[np.minimum(at, len(tile.inputs) - 1)] == rows)
    shown[:, at[known]] = seen[:, known]
    return shown
