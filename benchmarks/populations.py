"""What comparing an upload with its own populations is worth: outliers, planted strand errors, strands by frequency.

People of one continent, outside the bundle's panel, at the sites of a real array.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from genotypes import codes as gt
from genotypes.populations import Populations
from genotypes.sites import SiteTable
from genotypes.strand import palindromic
from models.bundles import open_bundle
from worker.pipeline.cohort_stats import cohort_stats
from worker.pipeline.folder import Harmonised
from worker.pipeline.harmonise import HarmoniseOptions, harmonise
from worker.pipeline.ingest import ingest
from worker.pipeline.types import BundleView

DATA = Path("../shared/data")
TOLD = 0.2  # a planted error moves a frequency by at least twice this
OTHER, COMPLEMENT = str.maketrans("01", "10"), str.maketrans("ACGT", "TGCA")

Line = tuple[int, list[str]]
"""Position and cells of a record whose samples hold GT alone."""


def read(path: Path, chosen: set[str]) -> tuple[str, list[Line]]:
    """Header and records of some people of a VCF.gz."""
    head, lines, columns = "", [], []
    with gzip.open(path, "rt") as file:
        for text in file:
            cells = text.rstrip("\n").split("\t")
            if text.startswith("##"):
                head += text
            elif text.startswith("#"):
                columns = [k for k, name in enumerate(cells) if k > 8 and name in chosen]
                head += "\t".join([*cells[:9], *(cells[k] for k in columns)]) + "\n"
            else:
                calls = [cells[k].split(":")[0] for k in columns]
                lines.append((int(cells[1]), [*cells[:7], ".", "GT", *calls]))
    return head, lines


def planted(lines: list[Line], places: set[int]) -> list[Line]:
    """A/T and C/G sites on the other strand in a file that is on the forward one: only frequencies show it."""
    return [(p, [*c[:9], *(g.translate(OTHER) for g in c[9:])] if p in places else c) for p, c in lines]


def mixed(lines: list[Line], seed: int = 1) -> list[Line]:
    """Half of the sites spelt on the other strand, so that frequencies decide."""
    rng = np.random.default_rng(seed)
    turned = [[*c[:3], c[3].translate(COMPLEMENT), c[4].translate(COMPLEMENT), *c[5:]] for _, c in lines]
    return [(p, other if rng.random() < 0.5 else c) for (p, c), other in zip(lines, turned, strict=True)]


def right_and_wrong(out: Path, table: SiteTable, truth: dict[int, float]) -> tuple[int, int]:
    """Palindromic sites that were used, and those on the wrong strand, by the frequency that they should have."""
    facts = Harmonised.open(out)
    store = facts.typed(facts.chromosomes[0])
    assert store.rows is not None
    used = [k for k, pos in enumerate(table.pos[store.rows].tolist()) if pos in truth]
    af = np.maximum(gt.dosage(np.asarray(store.codes[used])), 0).mean(axis=1) / 2
    wanted = np.array([truth[int(table.pos[store.rows[k]])] for k in used])
    return len(used), int(((np.abs(af - wanted) > 1e-6) & (np.abs(wanted - 0.5) > 1e-6)).sum())


def measure(name: str, people: set[str], bundle: BundleView, held: Populations, upload: Path) -> None:
    """Two lines of the table."""
    table = bundle.sites("20")
    expected, at = held.frequency("20", held.shares(name)), palindromic(table)
    places = set(table.pos[at & (np.abs(expected - 0.5) > TOLD)].tolist()[::2])
    head, lines = read(upload, people)
    both = set(table.pos[at].tolist())
    truth = {p: sum(g.count("1") for g in c[9:]) / (2 * len(c[9:])) for p, c in lines if p in both}
    size = len(lines[0][1]) - 9
    forms: dict[str, Callable[[], list[Line]]] = {
        "plain": lambda: lines, "planted": lambda: planted(lines, places), "mixed": lambda: mixed(lines),
    }  # fmt: skip
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for form, make in forms.items():
            text = "".join("\t".join(cells) + "\n" for _, cells in make())
            (folder / f"{form}.vcf").write_text(head + text)
            ingest([folder / f"{form}.vcf"], folder / form)
        for choice in ("all", "auto"):
            found = {}
            for form in forms:
                out = folder / f"{form}-{choice}"
                qc = harmonise(folder / form, bundle, out, HarmoniseOptions(population=choice)).qc
                found[form] = qc["chromosomes"][0]["af_difference"]
            far = cohort_stats(folder / f"plain-{choice}", bundle)["frequency"]["far"]
            used, wrong = right_and_wrong(folder / f"mixed-{choice}", table, truth)
            errors = sum(p in places for p, _ in lines)
            print(f"| {name}, {size} | {choice} | {far} of {len(lines):,} | {found['plain']} | "
                  f"{found['planted']} of {errors} | {used} of {len(truth)} | {wrong} |")  # fmt: skip


def main() -> None:
    """Print the table."""
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--bundle", type=Path, default=Path("bundles/kgp-chr20-demo"))
    cli.add_argument("--upload", type=Path, default=DATA / "kgp-chr20/target.infinium-omni2.5.v1.5.dev.vcf.gz")
    cli.add_argument("--labels", type=Path, default=DATA / "kgp-samples.panel")
    chosen = cli.parse_args()
    bundle = open_bundle(chosen.bundle)
    held = bundle.populations()
    if held is None:
        raise SystemExit("The bundle has no frequencies by population.")
    rows = [line.split() for line in chosen.labels.read_text().splitlines()[1:]]
    print("| Cohort | compared with | apart > 0.2 | removed | planted errors removed | strand told | wrong |")
    print("|---|---|---|---|---|---|---|")
    for name in held.larger:
        measure(name, {row[0] for row in rows if row[2] == name}, bundle, held, chosen.upload)


if __name__ == "__main__":
    main()
