"""The first part of a training: a panel's file becomes chromosomes in the work folder, a block of sites at a time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.panel_blocks import PanelBlock, PanelBlocks
from genotypes.sites import SiteTable, write_sites_bcf
from models.dae.work import WorkFolder, read_json, write_json
from models.haplotypes.chromosome import LIBRARY, POSITIONS, SITES, Chromosome
from models.haplotypes.genome_options import GenomeOptions
from models.haplotypes.learn import cut_tiles
from models.haplotypes.stored import StoredLibrary
from models.haplotypes.writer import LibraryWriter
from models.protocol import Tile

Progress = Callable[[float], None]
"""Called with the fraction of the file that is read; may raise to abort."""


def import_panel(o: GenomeOptions, number: int, work: WorkFolder, progress: Progress) -> None:
    """Read one of the panel's files; chromosomes that an earlier run finished are passed over.

    Raises:
        TesseraError: `setup_invalid` when it holds other people than the first file, or a chromosome of another file;
            what `PanelBlocks` raises.
    """
    blocks = PanelBlocks(o.panels[number], o.chrom)
    first = PanelBlocks(o.panels[0]).samples
    if blocks.samples != first:
        message = f"{o.panels[number].name} does not hold the people of {o.panels[0].name} in the same order."
        raise TesseraError(Code.setup_invalid, message, action="Give all files the same samples (bcftools view -S).")
    names: list[str] = []
    making: _Making | None = None
    for block in blocks:
        progress(block.fraction)
        if not names or names[-1] != block.sites.chrom:
            if making:
                making.close()
            names.append(block.sites.chrom)
            making = _begin(o, number, work, block.sites.chrom, blocks.samples)
        if making:
            making.add(block)
    if making:
        making.close()
    write_json(file_report(work, number), {"chromosomes": [one.removeprefix("chr") for one in names]})


def file_report(work: WorkFolder, number: int) -> Path:
    """What is written when a file of the panel was read to its end."""
    return work.folder / f"file-{number}.json"


def chromosomes_of(o: GenomeOptions, work: WorkFolder) -> list[Chromosome]:
    """All chromosomes, when every file was read: in the order of the files."""
    names = [name for number in range(len(o.panels)) for name in read_json(file_report(work, number))["chromosomes"]]
    found = [Chromosome.open(work.folder / name) for name in names]
    return [one for one in found if one]


def _begin(o: GenomeOptions, number: int, work: WorkFolder, contig: str, samples: list[str]) -> _Making | None:
    """None for a chromosome that is finished."""
    name = contig.removeprefix("chr")
    found = Chromosome.open(work.folder / name)
    if found and found.file != number:
        files = f"{o.panels[found.file].name} and {o.panels[number].name}"
        raise TesseraError(Code.setup_invalid, f"Chromosome {name} is in {files}: join them first (bcftools concat).")
    return None if found else _Making(o, number, work, name, samples)


class _Making:
    """A chromosome on its way into the work folder."""

    def __init__(self, o: GenomeOptions, number: int, work: WorkFolder, name: str, samples: list[str]) -> None:
        self._o, self._number, self._name, self._samples = o, number, name, samples
        self._map = o.genetic_map(name)  # before hours of reading, as it may not be there
        self._target = work.folder / name
        self._folder = work.folder / f"{name}.partial-{number}"
        shutil.rmtree(self._folder, ignore_errors=True)
        (self._folder / "sites").mkdir(parents=True)
        self._writer = LibraryWriter(self._folder / LIBRARY, 2 * len(samples))
        self._positions: list[NDArray[np.int32]] = []
        self._ploidy = np.full(len(samples), 2, np.int8)

    def add(self, block: PanelBlock) -> None:
        """The next sites."""
        self._ploidy = np.minimum(self._ploidy, block.ploidy)
        rows = self._o.disguise.rows(block.haplotypes[:, _columns(block.ploidy)])
        if len(rows) == 0:
            return
        sites = block.sites.take(rows)
        sites.save(self._folder / "sites" / f"{len(self._positions)}.npz")
        self._positions.append(sites.pos)
        self._writer.add(block.haplotypes[rows])

    def close(self) -> None:
        """Cut the tiles, write library and sites; the folder gets its name when it is whole."""
        o, folder = self._o, self._folder
        o.disguise.refuse_few(sum(map(len, self._positions)))
        pos = np.concatenate(self._positions)
        cm = self._map.cm(pos)
        tiles = cut_tiles(cm, o.tile_sites, o.tile_cm, o.context)
        rows = [
            {"index": t.index, "first": t.first, "end": t.end, "low": int(t.inputs[0]), "high": int(t.inputs[-1]) + 1}
            for t in tiles
        ]
        self._writer.close(cm, rows)
        keep = _columns(self._ploidy)
        if not keep.all():
            _narrow(folder / LIBRARY, keep, cm, rows)
        np.save(folder / POSITIONS, pos)
        ends = int(pos[0]), int(pos[-1])
        count = int(keep.sum())
        made = Chromosome(folder, self._name, self._number, self._samples, not keep.all(), len(pos), count, *ends)
        write_sites_bcf(folder / SITES, self._sites(made, tiles), {self._name: None}, o.build)
        shutil.rmtree(folder / "sites")
        made.write()
        shutil.rmtree(self._target, ignore_errors=True)
        folder.rename(self._target)

    def _sites(self, made: Chromosome, tiles: list[Tile]) -> Iterator[SiteTable]:
        """The sites with frequency and tile, a block at a time."""
        edges = np.array([tile.first for tile in tiles])
        first = 0
        for number in range(len(self._positions)):
            block = SiteTable.load(self._folder / "sites" / f"{number}.npz")
            end = first + len(block)
            tile = (np.searchsorted(edges, np.arange(first, end), "right") - 1).astype(np.int32)
            af = made.frequencies(first, end)
            yield SiteTable(self._name, block.pos, block.ref, block.alt, block.id, af, tile)
            first = end


def _columns(ploidy: NDArray[np.int8]) -> NDArray[np.bool_]:
    """(2S,) the columns of haplotypes that there are."""
    return np.stack([np.ones_like(ploidy), ploidy == 2], axis=1).ravel().astype(bool)


def _narrow(path: Path, keep: NDArray[np.bool_], cm: NDArray[np.float64], rows: list[dict[str, int]]) -> None:
    """Leave out the columns of haploid people's second haplotypes, which are only known when all is read."""
    wide = path.with_name("wide.safetensors")
    path.rename(wide)
    library = StoredLibrary(wide)
    with LibraryWriter(path, int(keep.sum())) as writer:
        for number in range(len(library.blocks) - 1):
            block = library.block(number)
            alleles = block.alleles(np.arange(len(block), dtype=np.int32))
            writer.add(np.ascontiguousarray(alleles[:, keep]).view(np.int8))
        writer.close(cm, rows)
    wide.unlink()
