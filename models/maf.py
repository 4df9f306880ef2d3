"""The ranges of minor-allele frequency by which accuracy is told."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MAF_EDGES: Final = (0.0, 0.001, 0.005, 0.01, 0.05, 0.5)  # the bins of the field's accuracy tables


def maf_bins(af: NDArray[np.float32]) -> NDArray[np.int64]:
    """(V,) ALT frequency -> (V,) index of the MAF bin, lower edge out, upper edge in."""
    maf = np.minimum(af, 1 - af)
    edges = np.array(MAF_EDGES, np.float32)  # at the precision of af, so that 0.001 itself falls below its edge
    return np.clip(np.searchsorted(edges, maf, side="left") - 1, 0, len(MAF_EDGES) - 2)
