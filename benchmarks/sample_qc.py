"""Speed of sample QC: `python -m benchmarks.sample_qc`, 10 million genotypes unless told otherwise."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from genotypes import codes as gt
from genotypes.kinship import pack, related
from genotypes.sample_stats import add_up
from genotypes.sites import SiteTable, strings
from genotypes.store import StoreWriter
from models.dae.bundle import Bundle
from worker.pipeline.folder import Ingested, IngestedChromosome
from worker.pipeline.harmonise import harmonise
from worker.pipeline.ingest import ingest
from worker.pipeline.sample_qc import review_samples
from worker.pipeline.sample_scan import Examined

CHROMOSOMES = 22
WHOLE_SAMPLES = 400


def main() -> None:
    """Print seconds, the best of some rounds; the first, which compiles the kernels, is not counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=20_000, help="over 22 autosomes and X")
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--pairs-of", type=int, default=0, help="time kinship of so many samples at 20,000 sites too")
    parser.add_argument(
        "--whole", type=Path, metavar="BUNDLE", help="time reading and all QC of 400 people at its sites"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}, numpy {np.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        upload = make_upload(Path(folder), options.sites, options.samples)

        def review() -> None:
            used = []
            for one in upload.chromosomes:
                store = upload.store(one)
                used.append(Examined(one.name, store.codes, np.arange(len(store.sites)), store.sites.pos, None))
            review_samples(upload, used, "GRCh37")

        review()
        genotypes = options.sites * options.samples / 1e6
        _timed(f"sample QC of {genotypes:.0f} million genotypes from stores on disk", review, options.rounds)
        codes = np.concatenate([np.asarray(upload.store(one).codes) for one in upload.chromosomes])
        _timed("  calls, heterozygotes, frequencies", lambda: add_up(codes), options.rounds)
        planes = pack(codes)
        _timed("  packing", lambda: pack(codes), options.rounds)
        _timed("  kinship, one thread", lambda: related(planes), options.rounds)
    if options.whole:
        with tempfile.TemporaryDirectory() as folder:
            _whole(Path(folder), options.whole, options.rounds)
    if options.pairs_of:
        rng = np.random.default_rng(2)
        many = pack(rng.integers(0, 3, (20_000, options.pairs_of)).astype(np.int8))
        threads = os.cpu_count() or 1
        _timed(f"kinship of {options.pairs_of} samples at 20,000 sites", lambda: related(many, threads=threads), 1)


def make_upload(folder: Path, sites: int, samples: int) -> Ingested:
    """An ingested upload of unrelated people, one genotype in a hundred missing."""
    rng = np.random.default_rng(1)
    names = [*(str(number) for number in range(1, CHROMOSOMES + 1)), "X"]
    chromosomes = []
    for number, name in enumerate(names):
        count = sites // len(names) + (number < sites % len(names))
        pos = np.linspace(3_000_000, 50_000_000, count).astype(np.int32)
        letters = strings(["A"] * count), strings(["G"] * count), strings(["."] * count)
        af = rng.uniform(0.05, 0.95, count)
        codes = (rng.random((count, samples)) < af[:, None]).astype(np.int8)
        codes += rng.random((count, samples)) < af[:, None]
        codes[rng.random((count, samples)) < 0.01] = gt.MISSING
        with StoreWriter(folder, f"c{number}", samples, name) as out:
            out.append(SiteTable(name, pos, *letters), codes, phased=False)
        chromosomes.append(IngestedChromosome(name, [name], f"c{number}", count, False, None, [], {}))
    return Ingested(folder, [f"s{k}" for k in range(samples)], None, ["x.vcf"], chromosomes, [])


def _whole(folder: Path, bundle: Path, rounds: int) -> None:
    """Reading and all QC, from a VCF to `qc.json`, of people made from a bundle's frequencies."""
    opened = Bundle.open(bundle)
    upload = folder / "upload.vcf"
    genotypes = 0
    rng = np.random.default_rng(3)
    cells = np.array([b"0/0\t", b"0/1\t", b"1/1\t", b"./.\t"], "S4")
    with upload.open("wb") as out:
        names = "\t".join(f"s{column}" for column in range(WHOLE_SAMPLES))
        out.write(f"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n".encode())
        for name in opened.chromosomes:
            table = opened.sites(name)
            assert table.af is not None
            genotypes += len(table) * WHOLE_SAMPLES
            for row in range(len(table)):
                codes = rng.binomial(2, table.af[row], WHOLE_SAMPLES)
                codes[rng.random(WHOLE_SAMPLES) < 0.01] = -1
                out.write(f"{name}\t{table.pos[row]}\t.\t{table.ref[row]}\t{table.alt[row]}\t.\tPASS\t.\tGT\t".encode())
                out.write(cells[codes].tobytes()[:-1] + b"\n")

    def work() -> None:
        ingest([upload], folder / "in")
        harmonise(folder / "in", opened, folder / "out")
        shutil.rmtree(folder / "in")
        shutil.rmtree(folder / "out")

    work()
    _timed(f"VCF to QC document, {genotypes / 1e6:.1f} million genotypes", work, rounds)


def _timed(what: str, work: Callable[[], object], rounds: int) -> None:
    wall, processor = [], []
    for _ in range(rounds):
        started, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    print(f"{what:<64} {min(wall):7.3f} s wall {min(processor):7.3f} s CPU")


if __name__ == "__main__":
    main()
