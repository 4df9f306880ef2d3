"""Speed of reading and writing genotypes: `python -m benchmarks.encode [--sites 4000] [--samples 2000]`."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.bgzf import concatenate
from genotypes.cell_sums import sum_cells
from genotypes.cells import Cells, Layout, quantise, tables
from genotypes.celltext import WIDEST, put_lines
from genotypes.fragment import Format, FragmentWriter, write_header
from genotypes.header import imputed_header
from genotypes.quality import SiteQuality, SiteSums
from genotypes.read import VcfReader
from genotypes.sites import SiteTable, strings


def main() -> None:
    """Print a table of genotypes per second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=4000)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1, help="compression threads")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is printed")
    options = parser.parse_args()
    print(f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}")
    print(f"{options.sites} sites x {options.samples} samples, {options.threads} compression thread(s)")
    print(f"{'million genotypes':<40} {'/s wall':>8} {'/s CPU':>8}")
    rng = np.random.default_rng(1)
    shape = (options.sites, options.samples)
    gp = _posteriors(rng, *shape)
    layout = Layout(np.full(options.samples, 2, np.int8), phased=False)
    look = tables(phased=False)
    sites = _sites(options.sites)
    n = options.sites * options.samples

    def timed(what: str, work: Callable[[], object], size: Path | None = None) -> None:
        wall, processor = [], []
        for _ in range(options.rounds):
            started, used = time.perf_counter(), time.process_time()
            work()
            wall.append(time.perf_counter() - started)
            processor.append(time.process_time() - used)
        more = "" if size is None else f"   {size.stat().st_size / n:6.2f} bytes/genotype"
        print(f"{what:<40} {n / min(wall) / 1e6:8.1f} {n / min(processor) / 1e6:8.1f}{more}")

    timed("round GP to cell codes", lambda: [quantise(gp[row : row + 100]) for row in range(0, len(gp), 100)])
    cells = quantise(gp)

    def quality_of() -> SiteQuality:
        powers = np.array([1e3, 1e6, 1e3, 1e3, 1e9, 1e6, 1e3])[:, None]
        counted = sum_cells(cells, look.thousandths, look.square, layout.ploidy) / powers
        return SiteSums.of(counted, layout.ploidy).quality()

    quality = quality_of()
    timed("AF and R2 sums", quality_of)
    _text(cells[:1])  # compiled here, not while timed
    step = max(1, (256 << 10) // options.samples)
    blocks = range(0, options.sites, step)
    look.bcf_gp, look.bcf_ds, look.bcf_gt  # noqa: B018 (built here, not while timed)
    timed("encode text, no compression", lambda: [_text(cells[row : row + step]) for row in blocks])
    with tempfile.TemporaryDirectory() as folder:
        header = imputed_header(
            [f"s{k}" for k in range(options.samples)], {"20": 63025520}, build="GRCh37", bundle_id="bench",
            bundle_sha="0", software="tessera", command="benchmarks.encode", phased=False,
        )  # fmt: skip
        formats: tuple[Format, ...] = ("vcf", "bcf")
        for fmt in formats:
            piece, head = Path(folder, f"piece.{fmt}"), Path(folder, f"head.{fmt}")

            def write(piece: Path = piece, fmt: Format = fmt) -> None:
                with FragmentWriter(piece, layout, fmt, threads=options.threads) as out:
                    out.write(sites, cells, quality)

            write()
            timed(f"encode and compress {fmt}, to a file", write, piece)
            whole = Path(folder, f"whole.{fmt}")
            write_header(head, header, fmt)
            concatenate([head, piece], whole)
            timed(f"read imputed {fmt} (GT:DS:GP)", partial(_read, whole))
        observed = rng.choice(np.array([0, 1, 2, -1], np.int8), size=shape, p=[0.6, 0.27, 0.12, 0.01])
        plain = Path(folder, "typed.vcf")
        _write_typed(plain, sites, observed)
        timed("read genotyped vcf (GT)", partial(_read, plain))


def _read(path: Path) -> None:
    for _ in VcfReader(path):
        pass


def _text(cells: Cells) -> NDArray[np.int64]:
    """Lines without heads; where each ends."""
    out, ends = np.empty(WIDEST * (cells.size + 1), np.uint8), np.empty(len(cells), np.int64)
    put_lines(cells, False, np.empty(0, np.uint8), np.zeros(len(cells) + 1, np.int64), out, ends)
    return ends


def _posteriors(
    rng: np.random.Generator, sites: int, samples: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """(V, S, 3) float32 with the frequency spectrum and confidence of real imputation: mostly rare, mostly sure."""
    af = rng.beta(0.25, 1.6, sites).clip(5e-4, 0.9995)
    sure = rng.uniform(0.02, 0.6, sites)
    first, second = (
        rng.beta((af / sure)[:, None], ((1 - af) / sure)[:, None], (sites, samples)).astype(np.float32) for _ in "12"
    )
    return np.stack([(1 - first) * (1 - second), first + second - 2 * first * second, first * second], axis=-1)


def _sites(n: int) -> SiteTable:
    return SiteTable(
        "20",
        np.arange(100, 100 + 70 * n, 70, dtype=np.int32),
        strings(["A"] * n),
        strings(["G"] * n),
        strings([f"rs{row}" for row in range(n)]),
    )


def _write_typed(path: Path, sites: SiteTable, observed: gt.Codes) -> None:
    cells = np.array([b"0/0\t", b"0/1\t", b"1/1\t", b"./.\t"], "S4")
    with path.open("wb") as out:
        names = "\t".join(f"s{column}" for column in range(observed.shape[1]))
        out.write(b"##fileformat=VCFv4.2\n")
        out.write(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n".encode())
        for row in range(len(sites)):
            out.write(f"20\t{sites.pos[row]}\t{sites.id[row]}\tA\tG\t.\tPASS\t.\tGT\t".encode())
            out.write(cells[observed[row]].tobytes()[:-1] + b"\n")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
