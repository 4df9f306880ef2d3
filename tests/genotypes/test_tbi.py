import random
import shutil
from pathlib import Path

import numpy as np
import pysam
import pytest

from genotypes.bgzf import BgzfWriter
from genotypes.tbi import Places, write_tbi
from tests.support.bcftools import bcftools, needs_bcftools

HEADER = b"##fileformat=VCFv4.2\n##contig=<ID=1>\n##contig=<ID=2>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two contigs in three pieces behind a header, with long REF alleles, gaps and many blocks."""
    folder = tmp_path_factory.mktemp("tbi")
    rng = random.Random(3)
    with BgzfWriter(folder / "head", eof=False) as out:
        out.write(HEADER)
    paths, held = [folder / "head"], {"1": [], "2": []}
    for number, (contig, low, high) in enumerate([("1", 1, 40_000), ("1", 700_000, 30_000_000), ("2", 5, 9_000_000)]):
        pos = sorted(rng.randrange(low, high) for _ in range(3000))
        span = [rng.choice([1, 1, 1, 1, 40_000]) for _ in pos]
        lines = []
        for one, length in zip(pos, span, strict=True):
            noise = "".join(rng.choices("ACGTRN", k=60))
            lines.append(f"{contig}\t{one}\t{noise}\t{'A' * length}\tC\t.\t.\t.\n".encode())
        paths.append(folder / f"piece{number}")
        with BgzfWriter(paths[-1], eof=number == 2, threads=1 + number) as out:
            for line in lines:
                out.write(line)
        before = sum(path.stat().st_size for path in paths[:-1])
        ends = np.cumsum([len(line) for line in lines])
        places = Places.of(np.array(pos, np.int32), np.array(span, np.int32), ends, out.blocks)
        places.save(folder / "places.npz")
        held[contig].append(Places.load(folder / "places.npz").moved(before))
    path = folder / "x.vcf.gz"
    with path.open("wb") as whole:
        for piece in paths:
            whole.write(piece.read_bytes())
    write_tbi(folder / "x.vcf.gz.tbi", [(name, Places.joined(parts)) for name, parts in held.items()])
    return path


def test_every_region_finds_what_tabix_finds(indexed: Path, tmp_path: Path) -> None:
    other = tmp_path / "x.vcf.gz"
    shutil.copy(indexed, other)
    pysam.tabix_index(str(other), preset="vcf", force=True, keep_original=True)
    rng = random.Random(4)
    with pysam.TabixFile(str(indexed)) as ours, pysam.TabixFile(str(other)) as theirs:
        assert ours.contigs == theirs.contigs
        for _ in range(200):
            low = rng.choice([rng.randrange(0, 45_000), rng.randrange(0, 31_000_000)])
            region = (rng.choice("12"), low, low + rng.choice([1, 100, 20_000, 5_000_000]))
            assert [line[:100] for line in ours.fetch(*region)] == [line[:100] for line in theirs.fetch(*region)]
        assert sum(1 for _ in ours.fetch("1")) == 6000


@needs_bcftools
def test_the_number_of_records_is_known(indexed: Path) -> None:
    assert bcftools("index", "-s", indexed).split() == ["1", ".", "6000", "2", ".", "3000"]
