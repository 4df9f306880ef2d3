"""The bundles that the project ships, scored on the example that it ships, which is from other people than theirs."""

from pathlib import Path

import numpy as np
import pytest

from genotypes.codes import unphase
from genotypes.panel import read_panel
from genotypes.read import VcfReader
from genotypes.sites import SiteTable
from models.bundles import make_imputer, open_bundle
from models.dae.evaluate import aggregate_r2
from models.maf import maf_bins
from models.protocol import TypedGenotypes

ROOT = Path(__file__).resolve().parents[2]


def keys(sites: SiteTable) -> list[tuple[int, str, str]]:
    return list(zip(sites.pos.tolist(), sites.ref, sites.alt, strict=True))


# Mosaics lack the population structure that helps with real people: the autoencoder has 0.76 here and 0.82 with those.
@pytest.mark.parametrize(("name", "floor"), [("kgp-chr20-demo", 0.8), ("kgp-chr20-dae", 0.72)])
def test_it_is_whole_and_imputes_the_example_well(name: str, floor: float) -> None:
    bundle = open_bundle(ROOT / "bundles" / name)
    bundle.verify()
    imputer = make_imputer(bundle, "20", device="cpu", threads=None)
    af = imputer.sites.af
    assert af is not None
    row_of = {key: row for row, key in enumerate(keys(imputer.sites))}
    blocks = list(VcfReader(ROOT / "examples" / "gsa-chr20.vcf.gz"))
    rows = np.array([row_of[key] for block in blocks for key in keys(block.sites)], np.int32)
    codes = unphase(np.concatenate([block.codes for block in blocks]))
    typed = TypedGenotypes(rows, codes, np.full(codes.shape[1], 2, np.int8), False)
    gp = np.concatenate([block.gp for block in imputer.impute(range(len(imputer.tiles)), typed)])
    ds = gp[..., 1] + 2 * gp[..., 2]
    truth = read_panel(ROOT / "examples" / "gsa-chr20.truth.bcf")
    pairs = [(row_of[key], at) for at, key in enumerate(keys(truth.sites)) if key in row_of]
    pairs = [(row, at) for row, at in pairs if maf_bins(af[[row]])[0] == 4 and row not in rows]
    mine, theirs = (np.array(column) for column in zip(*pairs, strict=True))
    people = truth.haplotypes[theirs, 0::2] + truth.haplotypes[theirs, 1::2]
    r2 = aggregate_r2(ds[mine], people, af[mine])
    assert r2 is not None
    assert r2 > floor
