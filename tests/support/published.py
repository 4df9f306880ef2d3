"""Tile models in the published layout with generated weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

Site = tuple[int, str, str]  # bp, REF, ALT


def widths_of(nodes: int, n_layers: int, ratio: float) -> list[int]:
    encoder = [nodes]
    for _ in range(n_layers // 2):
        encoder.append(int(encoder[-1] * ratio))
    return encoder + encoder[:-1][::-1]


@dataclass
class PublishedTile:
    """One tile to be written."""

    sites: list[Site]
    chrom: str = "22"
    n_layers: int = 4
    ratio: float = 0.7
    activation: str = "tanh"
    seed: int = 1
    name: str = "model_7_F"
    state: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        widths = widths_of(2 * len(self.sites), self.n_layers, self.ratio)
        half = self.n_layers // 2
        for step, (a, b) in enumerate(pairwise(widths)):
            key = f"encoder.{2 * step}" if step < half else f"decoder.{2 * (step - half)}"
            self.state[f"{key}.weight"] = rng.normal(0, 2 / np.sqrt(a), (b, a)).astype(np.float32).astype(np.float64)
            self.state[f"{key}.bias"] = rng.normal(0, 0.5, b).astype(np.float32).astype(np.float64)

    @property
    def span(self) -> str:
        return f"{min(s[0] for s in self.sites)}-{max(s[0] for s in self.sites)}"

    def folder(self, root: Path) -> Path:
        return root / "best_model_weights" / f"{self.chrom}_{self.span}" / f"HRC.chr{self.chrom}.{self.span}.vcf.VMV1"

    def write(self, root: Path) -> Path:
        folder = self.folder(root)
        folder.mkdir(parents=True)
        tensors = {key: torch.from_numpy(value).float() for key, value in self.state.items()}
        torch.save(tensors, folder / f"{self.name}.pth")
        params = f"n_layers = {self.n_layers}\nsize_ratio = {self.ratio}\nactivation = '{self.activation}'\n"
        (folder / f"{self.name}_param.py").write_text(params + "early_stop = 0\nlast_epoch = 500\navg_loss = 0.25\n")
        lines = [f"{self.chrom}\t{pos}\trs{pos}\t{ref}\t{alt}\n" for pos, ref, alt in self.sites]
        (folder / f"{self.name}.pos").write_text("#CHROM\tPOS\tID\tREF\tALT\n" + "".join(lines))
        return folder


def overlapping_tiles() -> list[PublishedTile]:
    """Three tiles of chromosome 22.

    The first two share 1,090 to 1,110; in their overlap each holds a site that the other lacks. The second holds two
    alternative alleles at 1,150, not in order, and one line twice. The third stands apart.
    """
    first = [(p, "A", "G") for p in range(1000, 1111, 10)] + [(1107, "C", "T")]
    second = [(p, "A", "G") for p in range(1090, 1201, 10) if p != 1150] + [(1093, "G", "T")]
    second = [*sorted(second), (1150, "C", "T"), (1150, "C", "A"), (1120, "A", "G")]
    third = [(p, "T", "C") for p in range(1300, 1341, 10)]
    return [
        PublishedTile(sorted(first), seed=1),
        PublishedTile(second, seed=2, activation="leakyrelu", n_layers=2, ratio=1.0),
        PublishedTile(third, seed=3, activation="sigmoid", n_layers=6, ratio=0.9),
    ]
