"""Settings of the peeling engine."""

from __future__ import annotations

from dataclasses import dataclass

from models.peeling.population import PopulationOptions


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the engine.

    Attributes:
        cycles: rounds of peeling and smoothing.
        sweeps: most rounds up and down the pedigree at a locus in a cycle.
        tolerance: a round that changes no message by more ends the sweeps.
        block: loci of a block that is given out.
        threads: None takes every core.
        learn_error: estimate the error rate of genotype calls.
        density: segregation is learned at no more loci per cM; the others are peeled once, at the end.
        population: learn founders' priors from the other founders' haplotypes (`population`); None: from allele
            frequencies alone.
        pin: name the haplotypes of founders with few children all along the chromosome (`pinned`), for hybrid peeling.
    """

    cycles: int = 10
    sweeps: int = 2
    tolerance: float = 1e-3
    block: int = 256
    threads: int | None = None
    learn_error: bool = True
    density: float = 40.0
    population: PopulationOptions | None = None
    pin: bool = False
