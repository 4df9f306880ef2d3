"""X and doubled haploids with a bundle: every site of it, one copy where there is one, and as right as autosomes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pysam
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from cli.main import app
from tests.reference.peeling_exact import Parents
from tests.support.bundles import EVERY, SITES, TinyPanel, make_panel, tiny_library
from tests.support.pedigrees import drop_single

BOUNDS = (1_300_000, 1_700_000)  # of nonPAR on a short X
FAMILIES, KIDS = 10, 4
MORGAN = 0.002  # recombination between neighbours
IMPUTED = np.flatnonzero(np.arange(SITES) % EVERY)


@pytest.fixture(scope="module")
def panel() -> TinyPanel:
    return make_panel()


def write_vcf(
    path: Path, panel: TinyPanel, contig: str, names: list[str], truth: NDArray[np.int8], typed: NDArray[np.bool_],
    haploid: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Calls of the `typed` at every fifth site, from (N, 2, V) alleles; `haploid` is (N, V)."""
    columns = [names[row] for row in np.flatnonzero(typed)]
    lines = ["##fileformat=VCFv4.2", f"##contig=<ID={contig}>"]
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="GT">')
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *columns]))
    for v in range(0, SITES, EVERY):
        cells = [str(truth[row, 0, v]) if haploid[row, v] else "/".join(map(str, sorted(truth[row, :, v].tolist())))
                 for row in np.flatnonzero(typed).tolist()]  # fmt: skip
        lines.append(
            "\t".join([contig, str(panel.pos[v]), ".", panel.ref[v], panel.alt[v], ".", ".", ".", "GT", *cells])
        )
    path.write_text("\n".join(lines) + "\n")


def peel(folder: Path, bundle: Path, *more: object) -> tuple[dict[str, object], list[pysam.VariantRecord]]:
    """Report, and records of the result."""
    words = ["peel", folder / "in.vcf", "-p", folder / "p.txt", "-b", bundle, "-o", folder / "out.vcf.gz", "-t", 1,
             "--cycles", 5, "--report", folder / "report", *more]  # fmt: skip
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    with pysam.VariantFile(str(folder / "out.vcf.gz")) as file:
        records = list(file)
    return json.loads((folder / "report" / "report.json").read_text()), records


def r2(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Squared correlation over all cells, each site around its mean."""
    centred = [one - truth.mean(axis=0) for one in (found, truth)]
    return float(np.corrcoef(centred[0].ravel(), centred[1].ravel())[0, 1] ** 2)


def test_x_gets_every_site_of_the_bundle(panel: TinyPanel, tmp_path: Path) -> None:
    """Mothers of every other family are untyped; fathers and sons have one copy between the bounds."""
    bundle = tiny_library(tmp_path, contig="X", tiles=3)
    parents: Parents = []
    for family in range(FAMILIES):
        first = family * (2 + KIDS)
        parents += [(None, None), (None, None), *[(first, first + 1)] * KIDS]
    names = [
        f"{kind}{family}" for family in range(FAMILIES) for kind in ("pa", "ma", *(f"kid{k}_" for k in range(KIDS)))
    ]
    males = np.array([name.startswith(("pa", "kid0", "kid1")) for name in names])
    linked: Parents = [(None, d) if male else (s, d) for (s, d), male in zip(parents, males, strict=True)]
    rng = np.random.default_rng(4)
    non_par = (panel.pos >= BOUNDS[0]) & (panel.pos <= BOUNDS[1])
    truth = np.empty((len(names), 2, SITES), np.int8)
    for rows, mine, single in ((panel.pos < BOUNDS[0], parents, males & False), (non_par, linked, males),
                               (panel.pos > BOUNDS[1], parents, males & False)):  # fmt: skip
        truth[:, :, rows] = drop_single(rng, mine, panel.others[:, rows], MORGAN, single)
    typed = np.array([not name.startswith("ma") or int(name[2:]) % 2 == 0 for name in names])
    haploid = males[:, None] & non_par
    write_vcf(tmp_path / "in.vcf", panel, "X", names, truth, typed, haploid)
    ids = [*names, "0"]
    (tmp_path / "p.txt").write_text("".join(
        f"F {name} {ids[-1 if s is None else s]} {ids[-1 if d is None else d]} {1 if male else 2} 0\n"
        for name, (s, d), male in zip(names, parents, males, strict=True)
    ))  # fmt: skip
    report, records = peel(tmp_path, bundle, "--non-par", f"{BOUNDS[0]}-{BOUNDS[1]}")
    assert [record.pos for record in records] == panel.pos.tolist()
    assert [("IMPUTED" if v % EVERY else "TYPED") in record.info for v, record in enumerate(records)] == [True] * SITES
    ploidy = np.array([[len(call["GT"]) for call in record.samples.values()] for record in records]).T
    assert np.array_equal(ploidy == 1, haploid)
    order = [list(records[0].samples).index(name) for name in names]
    ds = np.array([[call["DS"] for call in record.samples.values()] for record in records]).T[order]
    want = np.where(haploid, truth[:, 0], truth.sum(axis=1)).astype(float)
    (chromosome,) = report["chromosomes"]  # type: ignore[misc]
    assert chromosome["imputed"] == len(IMPUTED)
    assert chromosome["haplotypes_asked"] > FAMILIES
    assert report["qc"]["bundle"]["shared"] == SITES // EVERY  # type: ignore[index]
    inside, outside = IMPUTED[non_par[IMPUTED]], IMPUTED[~non_par[IMPUTED]]
    untyped_mothers = ~typed
    for rows in (inside, outside):
        assert r2(ds[np.ix_(males, rows)], want[np.ix_(males, rows)]) > 0.6
        assert r2(ds[np.ix_(~males & typed, rows)], want[np.ix_(~males & typed, rows)]) > 0.6
        assert r2(ds[np.ix_(untyped_mothers, rows)], want[np.ix_(untyped_mothers, rows)]) > 0.3
    # A son's one copy is his mother's, and phased with the family by name: fathers and daughters share it whole.
    alone = CliRunner().invoke(app, [str(word) for word in (
        "peel", tmp_path / "in.vcf", "-p", tmp_path / "p.txt", "-o", tmp_path / "alone.vcf.gz", "--non-par",
        f"{BOUNDS[0]}-{BOUNDS[1]}", "-t", 1)])  # fmt: skip
    assert alone.exit_code == 0, alone.output
    with pysam.VariantFile(str(tmp_path / "alone.vcf.gz")) as file:
        assert sum(1 for _ in file) == SITES // EVERY


def test_regions_of_x_without_typed_sites_are_left_out_and_noted(panel: TinyPanel, tmp_path: Path) -> None:
    bundle = tiny_library(tmp_path, contig="X")
    names = ["pa", "ma", "son", "girl"]
    parents: Parents = [(None, None), (None, None), (None, 1), (0, 1)]
    males = np.array([True, False, True, False])
    truth = drop_single(np.random.default_rng(1), parents, panel.others, MORGAN, males)
    write_vcf(tmp_path / "in.vcf", panel, "X", names, truth, np.ones(4, bool), np.repeat(males[:, None], SITES, 1))
    lines = (tmp_path / "in.vcf").read_text().splitlines()
    first = int(panel.pos[SITES // 2])
    kept = [line for line in lines if line.startswith("#") or int(line.split("\t")[1]) >= first]
    (tmp_path / "in.vcf").write_text("\n".join(kept) + "\n")
    (tmp_path / "p.txt").write_text("F pa 0 0 1 0\nF ma 0 0 2 0\nF son pa ma 1 0\nF girl pa ma 2 0\n")
    report, records = peel(tmp_path, bundle, "--non-par", f"{first}-9000000")
    assert [record.pos for record in records] == panel.pos[panel.pos >= first].tolist()
    notes = {note["code"]: note for note in report["qc"]["notes"]}  # type: ignore[index]
    assert notes["x_region_left_out"]["count"] == SITES // 2


def test_doubled_haploids_get_every_site_twice(panel: TinyPanel, tmp_path: Path) -> None:
    """Thirty lines of three untyped F1 of typed parents."""
    bundle = tiny_library(tmp_path)
    parents: Parents = [(None, None)] * 6 + [(0, 1), (2, 3), (4, 5)] + [(None, 6 + k % 3) for k in range(30)]
    names = [f"a{row}" for row in range(len(parents))]
    lines = np.arange(len(parents)) >= 9
    truth = drop_single(np.random.default_rng(7), parents, panel.others, MORGAN, lines)
    typed = (np.arange(len(parents)) < 6) | lines
    write_vcf(tmp_path / "in.vcf", panel, "20", names, truth, typed, np.zeros((len(parents), SITES), bool))
    ids = [*names, "0"]
    rows = [f"{name},{ids[-1 if s is None else s]},{ids[-1 if d is None else d]},{int(line)}"
            for name, (s, d), line in zip(names, parents, lines, strict=True)]  # fmt: skip
    (tmp_path / "p.txt").write_text("\n".join(["id,sire,dam,dh", *rows]) + "\n")
    _, records = peel(tmp_path, bundle)
    assert [record.pos for record in records] == panel.pos.tolist()
    gt = np.array([[sum(record.samples[name]["GT"]) for name in names] for record in records]).T
    ds = np.array([[record.samples[name]["DS"] for name in names] for record in records]).T
    gp = np.array([[record.samples[name]["GP"][1] for name in names] for record in records]).T
    assert set(np.unique(gt[lines])) <= {0, 2}
    assert gp[lines].max() == 0
    want = truth.sum(axis=1).astype(float)
    assert r2(ds[np.ix_(lines, IMPUTED)], want[np.ix_(lines, IMPUTED)]) > 0.7
    assert r2(ds[6:9][:, IMPUTED], want[6:9][:, IMPUTED]) > 0.5
