"""The network architectures that a bundle may hold, and how the output of each is read.

`architecture.kind` of the manifest names one of them; everything else of the engine is common to all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from torch import Tensor

from errors import Code, TesseraError
from genotypes.manifest import BundleManifest
from models.dae import encoding
from models.dae.network import NetworkOptions, TileNet
from models.dae.published import network as published

TileModel: TypeAlias = TileNet | published.DenseNet
TileOptions: TypeAlias = NetworkOptions | published.DenseOptions

TILE_DAE: Final = "tile-dae"
PUBLISHED_DENSE: Final = "published-dense"


@dataclass(frozen=True, slots=True)
class Architecture:
    """A kind of tile network and the reading of its logits."""

    options: Callable[[dict[str, Any]], TileOptions]  # from a tile's entry in the bundle
    network: Callable[[Any], TileModel]  # from those options
    genotypes: Callable[[Tensor], Tensor]  # (..., 2) logits -> (..., 3) P(0), P(1), P(2)
    allele: Callable[[Tensor], Tensor]  # (..., 2) logits of a homozygous pass -> (...) P(ALT) of a haplotype


ARCHITECTURES: Final = {
    TILE_DAE: Architecture(
        lambda data: NetworkOptions(**data), TileNet, encoding.genotype_probabilities, encoding.allele_probability
    ),
    PUBLISHED_DENSE: Architecture(
        published.DenseOptions.from_dict,
        published.DenseNet,
        published.genotype_probabilities,
        published.allele_probability,
    ),
}


def architecture_of(manifest: BundleManifest) -> Architecture:
    """The architecture of a bundle.

    Raises:
        TesseraError: `bundle_invalid` when this version does not know it.
    """
    kind = manifest.architecture.get("kind")
    if kind not in ARCHITECTURES:
        raise TesseraError(
            Code.bundle_invalid,
            f"The bundle {manifest.id} has networks of the kind {kind!r}; known are {', '.join(ARCHITECTURES)}.",
        )
    return ARCHITECTURES[kind]
