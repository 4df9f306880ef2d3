"""Clusters of people by their own genotypes: who is alike, without any label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

COMPONENTS: Final = 8
MOST_CLUSTERS: Final = 10
PEOPLE_PER_CLUSTER: Final = 50  # fewer people make no cluster of their own
COMMON: Final = 0.05  # minor-allele frequency from which a site tells who is alike
MOST_SITES: Final = 4000


def clusters_for(people: int) -> int:
    """How many clusters a panel of so many people is put into: one below 100, at most ten."""
    return max(1, min(MOST_CLUSTERS, people // PEOPLE_PER_CLUSTER))


def principal_components(dosage: NDArray[np.float32], count: int, seed: int = 0) -> NDArray[np.float32]:
    """Leading principal components of people, by subspace iteration from a random start.

    Halko, Martinsson and Tropp 2011, SIAM Review 53:217.

    Args:
        dosage: (S, B) genotypes of S sites.
        count: components.
        seed: of the random start.

    Returns:
        (B, count) float32 coordinates, scaled by their singular values.
    """
    x = dosage - dosage.mean(1, keepdims=True)
    x /= np.maximum(x.std(1, keepdims=True), 1e-6)
    count = min(count, *x.shape)
    width = min(count + 8, *x.shape)
    q = np.random.default_rng(seed).standard_normal((x.shape[1], width), np.float32)
    for _ in range(6):
        q, _ = np.linalg.qr(x.T @ (x @ q))
    _, scale, vt = np.linalg.svd(x @ q, full_matrices=False)
    coordinates: NDArray[np.float32] = (q @ vt.T)[:, :count] * scale[:count]
    return coordinates


def k_means(points: NDArray[np.float32], k: int, seed: int = 0, rounds: int = 100) -> NDArray[np.int64]:
    """(N,) cluster of each of (N, D) points; Lloyd's algorithm from k-means++ seeds (Arthur and Vassilvitskii 2007)."""
    rng = np.random.default_rng(seed)
    centres = points[rng.integers(len(points), size=1)]
    for _ in range(1, k):
        far = ((points[:, None] - centres[None]) ** 2).sum(2).min(1).astype(np.float64)
        chance = far / far.sum() if far.sum() > 0 else None
        centres = np.concatenate([centres, points[rng.choice(len(points), 1, p=chance)]])
    labels = np.full(len(points), -1)
    for _ in range(rounds):
        found = ((points[:, None] - centres[None]) ** 2).sum(2).argmin(1)
        if (found == labels).all():
            break
        labels = found
        held = [points[labels == c] for c in range(k)]
        centres = np.stack([own.mean(0) if len(own) else old for own, old in zip(held, centres, strict=True)])
    numbered: NDArray[np.int64] = np.unique(labels, return_inverse=True)[1]
    return numbered


def cluster_people(haplotypes: NDArray[np.int8], people: NDArray[np.int64], seed: int = 0) -> NDArray[np.int64]:
    """Cluster of each of some people of a panel.

    Args:
        haplotypes: (V, H) alleles; the two haplotypes of person p are columns 2p and 2p + 1.
        people: (P,) the people to cluster.
        seed: of PCA and k-means.

    Returns:
        (P,) clusters, numbered from 0; all 0 where people or common sites are few.
    """
    k = clusters_for(len(people))
    if k == 1:
        return np.zeros(len(people), np.int64)
    af = haplotypes.mean(1)
    common = np.flatnonzero(np.minimum(af, 1 - af) >= COMMON)
    rows = common[:: max(1, -(-len(common) // MOST_SITES))]
    if len(rows) < COMPONENTS:
        return np.zeros(len(people), np.int64)
    dosage = haplotypes[rows][:, 2 * people] + haplotypes[rows][:, 2 * people + 1]
    return k_means(principal_components(dosage.astype(np.float32), COMPONENTS, seed), k, seed)


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Haplotypes by group, so that drawing one of a group is one multiplication."""

    order: NDArray[np.int64]  # (H,) haplotypes, those of a group side by side
    start: NDArray[np.int64]  # (G,) where each group starts in `order`
    size: NDArray[np.int64]  # (G,)

    @classmethod
    def of(cls, labels: NDArray[np.int64]) -> Groups:
        """Groups of haplotypes by their (H,) labels, 0 to G - 1, none of them empty."""
        size = np.bincount(labels)
        return cls(np.argsort(labels, kind="stable"), np.cumsum(size) - size, size)

    def draw(self, rng: np.random.Generator, group: NDArray[np.int64]) -> NDArray[np.int64]:
        """A haplotype of each group of (N,), or of all where the group is -1."""
        everyone = group < 0
        size = np.where(everyone, len(self.order), self.size[group])
        at = np.where(everyone, 0, self.start[group]) + (rng.random(len(group)) * size).astype(np.int64)
        drawn: NDArray[np.int64] = self.order[at]
        return drawn
