"""Train a bundle of haplotypes of any number of chromosomes: read, learn, score, describe the people, write."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from errors import Code, TesseraError
from genotypes.manifest import LIBRARY_KIND, BundleManifest
from models.bundle_folder import seal
from models.dae.plan import split_people
from models.dae.work import WorkFolder
from models.haplotypes.chromosome import LIBRARY, SITES, Chromosome
from models.haplotypes.engine import LEARNED, CopyingOptions
from models.haplotypes.genome_learn import SCORES_FILE, Watch, accuracy, learn_rates, score
from models.haplotypes.genome_options import GenomeOptions
from models.haplotypes.genome_people import DescribedPeople, describe_genome
from models.haplotypes.importing import chromosomes_of, file_report, import_panel
from models.haplotypes.mixing import MIXED, copied, mix
from models.haplotypes.slopes import measure, measured, sums_file, write_slopes
from models.haplotypes.stored import SLOPES

STEPS: Final = 1000  # of reading a file, as reports count them
_LOOK_S: Final = 1.0


@dataclass(frozen=True)
class Trained:
    """What a training made."""

    manifest: BundleManifest
    people: DescribedPeople | None  # None where they were not asked for


def train_genome(o: GenomeOptions, watch: Watch) -> Trained:
    """Make the bundle, or go on where an earlier run of the same options stopped.

    Several processes may run this with one work folder: they share the files to read and the chromosomes to score.

    Args:
        o: options.
        watch: called with what is done now and the fraction of it.

    Raises:
        TesseraError: `setup_invalid` when `o.out` exists, the work folder is of another training, files hold other
            people or the same chromosome, or no array has two sites of the panel; what `PanelBlocks` raises.
    """
    refuse_existing(o)
    work = open_work(o)
    read_files(o, work, watch)
    chromosomes = chromosomes_of(o, work)
    model = _learned(o, chromosomes, work, watch)
    tiles = [(one, tile) for one in chromosomes for tile in range(len(one.library.tiles))]
    _each(work, [f"slopes-{one.name}-{tile}" for one, tile in tiles], [sums_file(*pair) for pair in tiles],
          lambda number: measure(o, *tiles[number], model, watch))  # fmt: skip
    _each(work, [f"score-{one.name}" for one in chromosomes], [one.folder / SCORES_FILE for one in chromosomes],
          lambda number: score(o, chromosomes[number], model, measured, watch))  # fmt: skip
    if o.disguise.resampling is not None:
        _each(work, [f"mix-{one.name}" for one in chromosomes], [one.folder / MIXED for one in chromosomes],
              lambda number: mix(o, chromosomes[number], watch))  # fmt: skip
    while True:
        with work.claim("bundle") as mine:
            if mine and not o.out.exists():
                made = _write(o, chromosomes, model, work, watch)
                shutil.rmtree(work.folder)  # it holds the panel once more
                return made
        if o.out.exists():
            return Trained(BundleManifest.read(o.out), None)
        time.sleep(_LOOK_S)


def refuse_existing(o: GenomeOptions) -> None:
    """Raise `setup_invalid` when `o.out` exists."""
    if o.out.exists():
        raise TesseraError(Code.setup_invalid, f"{o.out} exists already; remove it or name another folder.")


def open_work(o: GenomeOptions) -> WorkFolder:
    """The work folder, checked to be of these options; raises `setup_invalid`."""
    if not o.panels:
        raise TesseraError(Code.setup_invalid, "No panel was given.")
    work = WorkFolder(o.work_folder)
    work.agree("plan.json", o.fingerprint())
    return work


def read_files(o: GenomeOptions, work: WorkFolder, watch: Watch) -> None:
    """Read every file of the panel that nobody else reads, until all are read."""

    def read(number: int) -> None:
        last = -1

        def progress(fraction: float) -> None:
            nonlocal last
            step = int(fraction * STEPS)
            if step != last:
                last = step
                work.report(number, step, STEPS, 0.0)
                watch("reading the panel", share_read(o, work))

        import_panel(o, number, work, progress)
        work.report(number, STEPS, STEPS, 0.0)

    files = [file_report(work, number) for number in range(len(o.panels))]
    _each(work, [f"read-{number}" for number in range(len(files))], files, read,
          lambda: watch("reading the panel", share_read(o, work)))  # fmt: skip


def share_read(o: GenomeOptions, work: WorkFolder) -> float:
    """How much of all the panel's bytes is read, by whichever process."""
    sizes = [path.stat().st_size for path in o.panels]
    found = work.reports()
    done = sum(size * found[number].step / STEPS for number, size in enumerate(sizes) if number in found)
    return done / max(1, sum(sizes))


def _learned(o: GenomeOptions, chromosomes: list[Chromosome], work: WorkFolder, watch: Watch) -> CopyingOptions:
    """Rates, learned by one process while others wait: they would compute the same."""
    while True:
        with work.claim("rates") as mine:
            if mine:
                return learn_rates(o, chromosomes, work, watch)
        time.sleep(_LOOK_S)


def _each(work: WorkFolder, names: list[str], made: list[Path], do: Any, idle: Any = lambda: None) -> None:
    """Do every piece of work that is neither finished (its file is there) nor somebody else's, until all are."""
    while any(not path.exists() for path in made):
        did = False
        for number, (name, path) in enumerate(zip(names, made, strict=True)):
            if path.exists():
                continue
            with work.claim(name) as mine:
                if mine and not path.exists():
                    do(number)
                    did = True
            if did:
                break
        if not did:
            idle()
            time.sleep(_LOOK_S)


def _write(
    o: GenomeOptions, chromosomes: list[Chromosome], model: CopyingOptions, work: WorkFolder, watch: Watch
) -> Trained:
    """The bundle; the folder appears whole or not at all."""
    partial = o.out.with_name(o.out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for one in chromosomes:
        (partial / one.name).mkdir(parents=True)
        for name in (SITES, f"{SITES}.csi"):
            _share(one.folder / name, partial / one.name / name)
        held = LIBRARY if o.disguise.resampling is None else MIXED
        _share(one.folder / held, partial / one.name / LIBRARY)
        write_slopes(one, partial / one.name / SLOPES)
    people = describe_genome(o, chromosomes, partial, watch) if o.ancestry else None
    scores = {one.name: json.loads((one.folder / SCORES_FILE).read_text()) for one in chromosomes}
    first = chromosomes[0]
    held_out, _ = split_people(first.haplotypes // 2, o.held_out, o.seed)
    training: dict[str, Any] = {"arrays": sorted({name for one in scores.values() for name in one["sums"]})}
    training |= {"seed": o.seed} | o.disguise.training(copied(o, chromosomes))
    if len(chromosomes) > 1:
        training["chromosomes"] = {
            name: {"scored_sites": one["scored"], "accuracy": accuracy([one])} for name, one in scores.items()
        }
    panel_name = o.panel_name or o.panels[0].name
    panel = {"name": panel_name, "samples": len(first.samples), "haplotypes": max(c.haplotypes for c in chromosomes)}
    panel |= {"held_out": len(held_out)} | ({"populations": people.facts} if people and people.facts else {})
    manifest = BundleManifest(
        name=o.name,
        version=o.version,
        species=o.species,
        build=o.build,
        chromosomes={one.name: one.entry for one in chromosomes},
        panel=panel,
        licence=o.licence,
        architecture={"kind": LIBRARY_KIND, "context_cm": o.context}
        | o.disguise.architecture()
        | {name: getattr(model, name) for name in LEARNED},
        files={},
        accuracy=accuracy(list(scores.values())),
        training=training,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        software=f"tessera {importlib.metadata.version('tessera')}",
    )
    sealed = seal(partial, manifest)
    partial.rename(o.out)
    return Trained(sealed, people)


def _share(source: Path, target: Path) -> None:
    """A hard link, as the work folder is removed when the bundle is there; a copy where there are none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
