"""A map of the training populations: axes of a principal component analysis, and where its populations lie on them.

The map holds no person: frequencies and loadings of common sites, and mean and covariance of each population's scores.
People are placed by least squares over the sites at which they are called, so that missing sites pull nobody to the
middle; what the missing sites leave unsure widens the populations when one is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from errors import Code, TesseraError
from genotypes import codes as gt

FILE_NAME: Final = "ancestry.safetensors"
LEAST_SITES: Final = 50  # of the map, without which a person is not placed
RIDGE: Final = 1e-3  # of a site's information, so that a person with few sites has finite scores

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MapSites:
    """The map's sites on one chromosome of a bundle.

    Attributes:
        rows: (M,) int32 ascending rows of the bundle's site table.
        af: (M,) float32 ALT frequency in the training panel.
        loadings: (M, K) float32; a standardised genotype is about `loadings @ scores`.
    """

    rows: NDArray[np.int32]
    af: NDArray[np.float32]
    loadings: NDArray[np.float32]

    def standardised(self, dosage: NDArray[np.int8]) -> NDArray[np.float32]:
        """(M, S) dosages 0-2 as (g - 2p) / sqrt(2p(1-p)); 0 where missing (-1)."""
        spread = np.sqrt(2 * self.af * (1 - self.af))[:, None]
        return np.where(dosage < 0, np.float32(0), (dosage - 2 * self.af[:, None]) / spread).astype(np.float32)

    def take(self, keep: NDArray[np.bool_]) -> MapSites:
        """Some of the sites."""
        return MapSites(self.rows[keep], self.af[keep], self.loadings[keep])


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where S people lie.

    Attributes:
        sites: (S,) int64 sites of the map at which they are called.
        scores: (S, K) on the axes; NaN with fewer than `LEAST_SITES`.
        population: (S,) row of the likeliest population, -1 where not placed.
        probability: (S, P) posterior of every population, all alike beforehand.
    """

    sites: NDArray[np.int64]
    scores: Floats
    population: NDArray[np.int64]
    probability: Floats


@dataclass(frozen=True, slots=True, eq=False)
class AncestryMap:
    """The map of a bundle.

    Attributes:
        chromosomes: its sites, by the bundle's chromosome names.
        populations: P names.
        people: (P,) int64 of the panel whose scores made mean and covariance.
        centres: (P, K) mean scores.
        covariances: (P, K, K) of the scores of people called at every site of the map.
        explained: (K,) share of the variance of the panel's genotypes.
        noise: variance of a standardised genotype that the axes leave, as far as it moves scores.
    """

    chromosomes: dict[str, MapSites]
    populations: list[str]
    people: NDArray[np.int64]
    centres: Floats
    covariances: Floats
    explained: Floats
    noise: float

    @property
    def axes(self) -> int:
        """Number of axes K."""
        return int(self.centres.shape[1])

    @property
    def information(self) -> Floats:
        """(K, K) loadings' products over all sites of the map."""
        return np.asarray(sum((_products(one.loadings) for one in self.chromosomes.values()), self._prior()))

    def place(self, blocks: Iterable[tuple[str, NDArray[np.int32], gt.Codes]], samples: int) -> Placement:
        """Place S people.

        Args:
            blocks: chromosome, ascending rows of the bundle's site table (T,), genotype codes (T, S) in its
                orientation.
            samples: number of people S.
        """
        k = self.axes
        sites = np.zeros(samples, np.int64)
        left, right = np.zeros((samples, k * k)), np.zeros((samples, k))
        for name, rows, codes in blocks:
            if name not in self.chromosomes:
                continue
            held = self.chromosomes[name]
            chosen = held.take(np.isin(held.rows, rows))
            seen = codes[np.searchsorted(rows, chosen.rows)]
            dosage = gt.dosage(gt.as_diploid(seen))
            known = (dosage >= 0).astype(np.float32)
            sites += known.sum(axis=0).astype(np.int64)
            pairs = (chosen.loadings[:, :, None] * chosen.loadings[:, None, :]).reshape(-1, k * k)
            left += known.T @ pairs
            right += chosen.standardised(dosage).T @ chosen.loadings
        information = left.reshape(samples, k, k) + self._prior()
        scores: Floats = np.asarray(np.linalg.solve(information, right[:, :, None])[:, :, 0], np.float64)
        probability = self._classify(scores, information)
        unplaced = sites < LEAST_SITES
        scores[unplaced], probability[unplaced] = np.nan, np.nan
        population = np.where(unplaced, -1, np.argmax(np.nan_to_num(probability), axis=1))
        return Placement(sites, scores, population.astype(np.int64), probability)

    def _prior(self) -> Floats:
        return RIDGE * np.eye(self.axes)

    def _classify(self, scores: Floats, information: Floats) -> Floats:
        """(S, P) posterior of normal populations, widened by what each person's missing sites leave unsure."""
        unsure = self.noise * (np.linalg.inv(information) - np.linalg.inv(self.information))
        logs = np.empty((len(scores), len(self.populations)))
        for p, (centre, covariance) in enumerate(zip(self.centres, self.covariances, strict=True)):
            wide = covariance + unsure
            away = scores - centre
            squared = np.einsum("sk,sk->s", away, np.linalg.solve(wide, away[:, :, None])[:, :, 0])
            logs[:, p] = -0.5 * (squared + np.linalg.slogdet(wide)[1])
        logs -= logs.max(axis=1, keepdims=True)
        weights = np.exp(logs)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def save(self, path: Path) -> None:
        """Write safetensors."""
        tensors: dict[str, NDArray[Any]] = {
            "people": self.people,
            "centres": self.centres,
            "covariances": self.covariances,
            "explained": self.explained,
        }
        for name, one in self.chromosomes.items():
            tensors |= {f"{name}/rows": one.rows, f"{name}/af": one.af, f"{name}/loadings": one.loadings}
        facts = {"populations": self.populations, "chromosomes": list(self.chromosomes), "noise": self.noise}
        whole = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
        save_file(whole, path, {"map": json.dumps(facts)})
        path.chmod(0o644)  # written for its owner alone, and a bundle is read by others

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            TesseraError: `bundle_invalid`.
        """
        try:
            with safe_open(path, "np") as file:
                facts = json.loads(file.metadata()["map"])
                get = file.get_tensor
                chromosomes = {
                    name: MapSites(get(f"{name}/rows"), get(f"{name}/af"), get(f"{name}/loadings"))
                    for name in facts["chromosomes"]
                }
                return cls(
                    chromosomes,
                    facts["populations"],
                    get("people"),
                    get("centres"),
                    get("covariances"),
                    get("explained"),
                    facts["noise"],
                )
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise TesseraError(Code.bundle_invalid, "The bundle's map of populations cannot be read.") from error


def _products(loadings: NDArray[np.float32]) -> Floats:
    wide = loadings.astype(np.float64)
    return np.asarray(wide.T @ wide)
