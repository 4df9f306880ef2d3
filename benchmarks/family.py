"""A family and a bundle together, against either alone: `python -m benchmarks.family`.

Real haplotypes of people whom the bundle has not seen are dropped through families of three generations, with
crossovers by the genetic map. Some members are typed at a real array's sites. Scored at the bundle's sites that the
array lacks: imputation alone (`tessera impute`, the typed members), the pedigree alone (`tessera peel`, which has no
such site) and both (`tessera peel --bundle`). What a method does not give counts as the panel's frequency, and all
dosages are centred on that, so that it explains nothing: its r2 is 0.
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pysam
from numpy.typing import NDArray

from benchmarks.peers import hardware
from genotypes.arrays import read_arrays
from genotypes.maps import GeneticMap
from genotypes.panel import Panel, read_panel
from genotypes.sites import SiteTable

BINS: Final = ((0.0, 0.005), (0.005, 0.01), (0.01, 0.05), (0.05, 0.5001))
# Grandparents 0-3, their children 4-5 (0 x 1) and 6-7 (2 x 3), and four children of 5 x 6.
PARENTS: Final = ((-1, -1),) * 4 + ((0, 1), (0, 1), (2, 3), (2, 3)) + ((5, 6),) * 4
GROUPS: Final = {"grandparents": range(4), "parents": range(4, 8), "children": range(8, 12)}
SCENARIOS: Final = {
    "everybody typed": range(12),
    "grandparents typed": range(4),
    "grandparents and children typed": (*range(4), *range(8, 12)),
    "a parent and children typed": (5, *range(8, 12)),
    "a parent and a child typed": (5, 8),
    "children typed": range(8, 12),
    "two children typed": range(8, 10),
}


@dataclass(frozen=True, slots=True, eq=False)
class Families:
    """Gene-dropped families.

    Attributes:
        ids: N names.
        sire: (N,) rows, -1 for founders.
        dam: (N,) rows.
        haplotypes: (V, N, 2) alleles.
        member: (N,) number of each within its family.
    """

    ids: list[str]
    sire: NDArray[np.int64]
    dam: NDArray[np.int64]
    haplotypes: NDArray[np.int8]
    member: NDArray[np.int64]


def drop(panel: Panel, scale: GeneticMap, families: int, seed: int) -> Families:
    """Drop the panel's people, drawn without replacement, through families of the shape `PARENTS`."""
    rng = np.random.default_rng(seed)
    people = rng.permutation(len(panel.samples))[: 4 * families]
    morgans = np.diff(scale.cm(panel.sites.pos)) / 100
    r = -np.expm1(-2 * morgans) / 2
    size = len(PARENTS)
    out = np.empty((len(panel.sites), families * size, 2), np.int8)
    sire, dam = (np.full(families * size, -1) for _ in range(2))
    for family in range(families):
        founders = iter(people[4 * family : 4 * family + 4].tolist())
        for member, pair in enumerate(PARENTS):
            row = family * size + member
            if pair[0] < 0:
                person = next(founders)
                out[:, row] = panel.haplotypes[:, 2 * person : 2 * person + 2]
                continue
            sire[row], dam[row] = family * size + pair[0], family * size + pair[1]
            for side, parent in enumerate((sire[row], dam[row])):
                switch = np.concatenate([[rng.random() < 0.5], rng.random(len(r)) < r])
                out[:, row, side] = out[np.arange(len(out)), parent, np.cumsum(switch) % 2]
    ids = [f"F{row // size:02d}M{row % size:02d}" for row in range(families * size)]
    return Families(ids, sire, dam, out, np.arange(families * size) % size)


def write(path: Path, panel: Panel, made: Families, rows: NDArray[np.int64], animals: NDArray[np.int64]) -> None:
    """Unphased calls of some animals at some sites."""
    head = ["##fileformat=VCFv4.2", f"##contig=<ID={panel.sites.chrom},length=63025520>",
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
            "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT",
                       *(made.ids[row] for row in animals.tolist())])]  # fmt: skip
    words = np.array(["0/0", "0/1", "1/1"])
    table = panel.sites
    with path.open("w") as file:
        file.write("\n".join(head) + "\n")
        for row in rows.tolist():
            calls = words[made.haplotypes[row, animals].sum(axis=1)].tolist()
            site = [table.chrom, str(table.pos[row]), ".", table.ref[row], table.alt[row], ".", "PASS", ".", "GT"]
            file.write("\t".join([*site, *calls]) + "\n")


def dosages(path: Path, panel: Panel, made: Families) -> NDArray[np.float32]:
    """(V, N) dosages of a result; NaN for the sites and animals that it lacks."""
    place = {site: row for row, site in enumerate(zip(panel.sites.pos.tolist(), panel.sites.ref, panel.sites.alt,
                                                      strict=True))}  # fmt: skip
    animals = {name: row for row, name in enumerate(made.ids)}
    out = np.full((len(panel.sites), len(made.ids)), np.nan, np.float32)
    with pysam.VariantFile(str(path)) as file:
        columns = [animals[name] for name in file.header.samples]
        for record in file:
            row = place.get((record.pos, record.ref, record.alts[0] if record.alts else "."))
            if row is not None:
                out[row, columns] = [call["DS"] for call in record.samples.values()]
    return out


def r2(ds: NDArray[np.float32], truth: NDArray[np.int8], freq: NDArray[np.float32]) -> tuple[float, float]:
    """Squared correlation of all genotypes around 2 p, and concordance of rounded dosages; what is missing is 2 p."""
    mean = 2 * freq[:, None].astype(np.float64)
    filled = np.where(np.isnan(ds), mean, ds)
    concordance = float((np.rint(filled) == truth).mean())
    x, y = (filled - mean).ravel(), (truth - mean).ravel()
    if x.std() < 1e-9 or y.std() < 1e-9:
        return 0.0, concordance
    return float(np.corrcoef(x, y)[0, 1] ** 2), concordance


def run(*words: Any) -> float:
    """Run the `tessera` command; its wall seconds."""
    before = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "cli", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return time.monotonic() - before


def main() -> None:
    """Command line."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--shared", type=Path, default=Path("../shared"))
    cli.add_argument("--bundle", type=Path, default=Path("bundles/kgp-chr20-demo"))
    cli.add_argument("--people", type=Path, help="phased founders; the development people by default")
    cli.add_argument("--array", default="global-screening-array-v.3")
    cli.add_argument("--families", type=int, default=15)
    cli.add_argument("--scenarios", nargs="+", default=list(SCENARIOS), choices=list(SCENARIOS))
    cli.add_argument("--seed", type=int, default=1)
    cli.add_argument("--threads", type=int, default=2)
    a = cli.parse_args()
    data = a.shared / "data"
    if not data.exists():
        sys.exit(f"There is no {data}: give the data folder by --shared.")
    gmap = data / "maps" / "chr20.b37.gmap.gz"
    panel, freq = _shared(
        read_panel(a.people or data / "kgp-chr20" / "truth.dev.bcf"), read_panel(data / "kgp-chr20" / "ref.bcf").sites
    )
    made = drop(panel, GeneticMap.read(gmap, "20"), a.families, a.seed)
    typed = np.isin(panel.sites.pos, read_arrays(data / "arrays", "20")[a.array])
    truth = made.haplotypes.sum(axis=2, dtype=np.int8)
    maf = np.minimum(freq, 1 - freq)
    print(f"{datetime.date.today()}  {hardware()}  python -m benchmarks.family {' '.join(sys.argv[1:])}")
    print(f"{a.families} families of {len(PARENTS)}, {int(typed.sum())} typed of {len(typed)} sites")
    for name in a.scenarios:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            chosen = np.flatnonzero(np.isin(made.member, list(SCENARIOS[name])))
            write(work / "in.vcf", panel, made, np.flatnonzero(typed), chosen)
            names = np.array([*made.ids, "0"])
            trios = zip(made.ids, names[made.sire], names[made.dam], strict=True)
            (work / "family.txt").write_text("".join(" ".join(trio) + "\n" for trio in trios))
            flag, threads = ("--samples", "flag"), ("-t", a.threads)
            peel = ("peel", work / "in.vcf", "-p", work / "family.txt", "--map", gmap, *threads)
            walls = [
                run("impute", work / "in.vcf", "-b", a.bundle, "-o", work / "alone.vcf.gz", *flag, *threads),
                run(*peel, "-o", work / "family.vcf.gz"),
                run(*peel, "-b", a.bundle, "-o", work / "both.vcf.gz"),
            ]
            files = {"imputation": "alone", "pedigree": "family", "both": "both"}
            found = {label: dosages(work / f"{file}.vcf.gz", panel, made) for label, file in files.items()}
            print(f"\n{name}: wall {', '.join(f'{one} {wall:.0f} s' for one, wall in zip(found, walls, strict=True))}")
            _table(found, made, truth, freq, maf, typed, set(SCENARIOS[name]))


def _shared(panel: Panel, reference: SiteTable) -> tuple[Panel, NDArray[np.float32]]:
    """The people at the sites of the bundle's panel alone, and the panel's frequencies there."""
    assert reference.af is not None
    columns = zip(reference.pos.tolist(), reference.ref, reference.alt, strict=True)
    af = dict(zip(columns, reference.af.tolist(), strict=True))
    table = panel.sites
    found = [af.get(site, -1.0) for site in zip(table.pos.tolist(), table.ref, table.alt, strict=True)]
    freq = np.array(found, np.float32)
    kept = freq >= 0
    return Panel(table.take(kept), panel.haplotypes[kept], panel.samples), freq[kept]


def _table(
    found: dict[str, NDArray[np.float32]],
    made: Families,
    truth: NDArray[np.int8],
    freq: NDArray[np.float32],
    maf: NDArray[np.float32],
    typed: NDArray[np.bool_],
    members: set[int],
) -> None:
    """r2 (concordance) by generation, typed or not, and MAF bin at untyped sites; then at typed sites."""
    heads = [f"{low:g}-{min(high, 0.5):g}" for low, high in BINS]
    print(f"  {'':<24}{'':<12}" + "".join(f"{head:>18}" for head in heads) + f"{'typed sites':>18}")
    for group, numbers in GROUPS.items():
        for label, wanted in (("typed", [m for m in numbers if m in members]),
                              ("untyped", [m for m in numbers if m not in members])):  # fmt: skip
            animals = np.flatnonzero(np.isin(made.member, wanted))
            if not len(animals):
                continue
            for method, ds in found.items():
                cells = []
                for low, high in BINS:
                    rows = np.flatnonzero(~typed & (maf >= low) & (maf < high))
                    cells.append(r2(ds[np.ix_(rows, animals)], truth[np.ix_(rows, animals)], freq[rows]))
                rows = np.flatnonzero(typed)
                cells.append(r2(ds[np.ix_(rows, animals)], truth[np.ix_(rows, animals)], freq[rows]))
                print(f"  {group + ', ' + label:<24}{method:<12}"
                      + "".join(f"{one:>10.4f} ({two:.3f})" for one, two in cells))  # fmt: skip


if __name__ == "__main__":
    main()
