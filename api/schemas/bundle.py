"""Model bundles."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.schemas.base import Answer


class Chromosome(Answer):
    """One chromosome of a bundle."""

    sites: int = Field(description="sites in the output")
    inputs: int = Field(description="sites that the model reads when they are typed")
    first: int = Field(description="bp of the first site, 1-based")
    last: int = Field(description="bp of the last site, 1-based")


class Bundle(Answer):
    """A model bundle: what it is and how well it does."""

    id: str
    name: str
    version: str
    species: str
    build: str
    chromosomes: dict[str, Chromosome]
    sites: int = Field(description="sites over all chromosomes")
    panel: dict[str, Any] = Field(description="training panel: name, samples, haplotypes, sites")
    licence: str
    accuracy: list[dict[str, Any]] = Field(description="by array: people, and r2 in bins of minor allele frequency")
    created: str
    href: str


class BundleList(Answer):
    """The bundles of this server."""

    bundles: list[Bundle]
