"""Inference: the DAE behind `models.protocol.Imputer`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from genotypes.codes import dosage, haplotypes
from models.dae.bundle import Bundle
from models.dae.calibrate import Calibration, apply
from models.dae.encoding import allele_probability, genotype_probabilities, presence, prior_logits
from models.dae.network import TileNet
from models.protocol import ImputedBlock, Tile, TypedGenotypes

FOLDS = 5  # typed sites are hidden a fifth at a time for the leave-out dosages
BATCH = 256  # passes through the trunk at a time
KEEP_BYTES = 512 << 20  # weights that stay loaded, at most (one tile always does)


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
        self.keep_bytes = KEEP_BYTES
        self.sites = bundle.sites(chrom)
        self.tiles: Sequence[Tile] = bundle.tiles(chrom)
        self._nets: OrderedDict[int, TileNet] = OrderedDict()
        af = self.sites.af
        self._af: NDArray[np.float32] = af if af is not None else np.full(len(self.sites), 0.5, np.float32)
        self._calibration = Calibration.from_dict(bundle.manifest.calibration)

    def impute(self, tiles: range, typed: TypedGenotypes) -> Iterator[ImputedBlock]:
        """Impute consecutive tiles, a decoder block at a time; see `models.protocol.Imputer`."""
        passes = make_passes(typed)
        for index in tiles:
            yield from self._impute_tile(self.tiles[index], typed, passes)

    def _net(self, index: int) -> TileNet:
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
        latents = self._encode(net, shown)
        folds = self._hidden_latents(net, tile, typed.rows, shown)
        af = self._af[tile.first : tile.end]
        prior = prior_logits(torch.from_numpy(af)).to(self.device)
        scale = self._calibration.scale(af).to(self.device)
        for k, (first, end) in enumerate(net.options.blocks):
            rows = slice(first, end)
            gp, hds = self._posterior(apply(net.decode(latents, k).float(), prior[rows], scale[rows]), passes, typed)
            hidden = self._hidden_dosage(net, k, tile, typed, passes, folds, prior, scale)
            yield ImputedBlock(tile.first + first, gp, hds, hidden)

    def _encode(self, net: TileNet, shown: NDArray[np.int8]) -> Tensor:
        """(P, I) -> (P, blocks * latent)."""
        parts = (torch.from_numpy(shown[k : k + BATCH]).to(self.device) for k in range(0, len(shown), BATCH))
        return torch.cat([net.encode(presence(part)) for part in parts])

    def _hidden_latents(
        self, net: TileNet, tile: Tile, rows: NDArray[np.int32], shown: NDArray[np.int8]
    ) -> list[tuple[NDArray[np.int32], Tensor]]:
        """For each fold its typed output rows and the latents with those rows hidden."""
        own = rows[(rows >= tile.first) & (rows < tile.end)]
        folds = []
        for k in range(min(FOLDS, len(own))):
            part = own[k::FOLDS]
            blind = shown.copy()
            blind[:, np.isin(tile.inputs, part)] = -1
            folds.append((part, self._encode(net, blind)))
        return folds

    def _posterior(
        self, logits: Tensor, passes: Passes, typed: TypedGenotypes
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """(P, V, 2) calibrated logits -> gp (V, S, 3), and hds (V, S, 2) of phased input."""
        samples = len(typed.ploidy)
        if not passes.single.any():
            return genotype_probabilities(logits).permute(1, 0, 2).contiguous().cpu().numpy(), None
        alt = allele_probability(logits).T.cpu().numpy()  # (V, P)
        first = ~passes.second
        one = alt[:, first]  # (V, S)
        gp = np.empty((len(alt), samples, 3), np.float32)
        if not passes.single.all():
            gp[:] = genotype_probabilities(logits[torch.from_numpy(first)]).permute(1, 0, 2).cpu().numpy()
        haploid = typed.ploidy == 1
        gp[:, haploid] = np.stack([1 - one, np.zeros_like(one), one], -1)[:, haploid]
        if not typed.phased:
            return gp, None
        two = np.zeros_like(one)
        two[:, passes.sample[passes.second]] = alt[:, passes.second]
        both = np.stack([(1 - one) * (1 - two), one * (1 - two) + two * (1 - one), one * two], -1)
        gp[:, ~haploid] = both[:, ~haploid]
        return gp, np.stack([one, two], -1)

    def _hidden_dosage(
        self,
        net: TileNet,
        block: int,
        tile: Tile,
        typed: TypedGenotypes,
        passes: Passes,
        folds: list[tuple[NDArray[np.int32], Tensor]],
        prior: Tensor,
        scale: Tensor,
    ) -> NDArray[np.float32]:
        """(V, S) dosage of the block's typed sites with their own genotypes hidden, NaN elsewhere."""
        first, end = net.options.blocks[block]
        out = np.full((end - first, len(typed.ploidy)), np.nan, np.float32)
        for rows, latents in folds:
            local = rows[(rows >= tile.first + first) & (rows < tile.first + end)] - tile.first
            if not len(local):
                continue
            logits = decode_rows(net, block, latents, torch.from_numpy(local - first))
            gp, hds = self._posterior(apply(logits.float(), prior[local], scale[local]), passes, typed)
            alleles = typed.ploidy.astype(np.float32) / 2
            out[local - first] = hds.sum(-1) if hds is not None else (gp[..., 1] + 2 * gp[..., 2]) * alleles
        return out


def weight_bytes(net: TileNet) -> int:
    """Bytes of a network's weights in memory."""
    return sum(p.numel() * p.element_size() for p in net.parameters())


def place(tile: Tile, rows: NDArray[np.int32], seen: NDArray[np.int8]) -> NDArray[np.int8]:
    """Put typed genotypes where the tile reads them: (P, T) at chromosome rows (T,) -> (P, I), -1 where untyped."""
    shown = np.full((len(seen), len(tile.inputs)), -1, np.int8)
    at = np.searchsorted(tile.inputs, rows)
    known = (at < len(tile.inputs)) & (tile.inputs[np.minimum(at, len(tile.inputs) - 1)] == rows)
    shown[:, at[known]] = seen[:, known]
    return shown


def decode_rows(net: TileNet, block: int, latents: Tensor, rows: Tensor) -> Tensor:
    """(P, blocks * latent) -> (P, R, 2) logits of some rows of a block, without decoding the others."""
    n = net.options.latent
    z = latents[:, block * n : (block + 1) * n]
    decoder = net.decoders[block]
    assert isinstance(decoder, torch.nn.Linear)
    outputs = torch.stack([2 * rows, 2 * rows + 1], 1).flatten()
    return functional.linear(z, decoder.weight[outputs], decoder.bias[outputs]).reshape(len(z), -1, 2)
