"""Lifting sites: a chain made by hand, and the real ones where they are there."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from genotypes.chain import read_chain
from genotypes.chain_files import list_chains
from genotypes.liftover import KEPT, Lift, lift, unmoved
from genotypes.sites import SiteTable, strings
from tests.support.chains import NAME, Piece, write_chain

CHAINS = Path(__file__).parents[3] / "shared" / "data" / "chains"
PIECES = [
    Piece(1000, 5000, 100),
    Piece(2000, 8000, 100, reverse=True),
    Piece(3000, 9000, 100),
    Piece(3050, 9500, 20),  # inside the one before: two places
    Piece(4000, 100, 100, contig="chr7"),
]


def table(rows: list[tuple[int, str, str]], chrom: str = "20") -> SiteTable:
    pos, ref, alt = zip(*rows, strict=True)
    return SiteTable(chrom, np.array(pos, np.int32), strings(ref), strings(alt), strings(f"v{p}" for p in pos))


@pytest.mark.parametrize(
    ("site", "outcome", "lifted"),
    [
        ((1001, "A", "C"), Lift.lifted, (5001, "A", "C")),
        ((1100, "A", "C"), Lift.lifted, (5100, "A", "C")),
        ((1101, "A", "C"), Lift.unmapped, None),
        ((1000, "A", "C"), Lift.unmapped, None),
        ((1099, "AT", "A"), Lift.lifted, (5099, "AT", "A")),
        ((1100, "AT", "A"), Lift.across_a_gap, None),
        ((2001, "A", "C"), Lift.reversed, (8100, "T", "G")),
        ((2100, "G", "T"), Lift.reversed, (8001, "C", "A")),
        ((2010, "AC", "GT"), Lift.reversed, (8090, "GT", "AC")),
        ((2010, "AC", "A"), Lift.reversed_indel, None),
        ((2010, "A", "."), Lift.reversed, (8091, "T", ".")),
        ((3049, "A", "C"), Lift.lifted, (9049, "A", "C")),
        ((3060, "A", "C"), Lift.several_places, None),
        ((3080, "A", "C"), Lift.lifted, (9080, "A", "C")),  # behind the inner stretch, inside the outer one
        ((4010, "A", "C"), Lift.other_chromosome, None),
    ],
)
def test_outcomes(
    tmp_path: Path, site: tuple[int, str, str], outcome: Lift, lifted: tuple[int, str, str] | None
) -> None:
    blocks = read_chain(write_chain(tmp_path, PIECES) / NAME, {"20"})
    found = lift(table([site]), blocks["20"], "20")
    assert Lift(int(found.outcome[0])) is outcome
    sites = list(zip(found.sites.pos.tolist(), found.sites.ref, found.sites.alt, strict=True))
    assert sites == ([] if lifted is None else [lifted])


def test_lifted_sites_are_sorted_and_know_where_they_came_from(tmp_path: Path) -> None:
    blocks = read_chain(write_chain(tmp_path, PIECES) / NAME, {"20"})
    found = lift(table([(1001, "A", "C"), (1500, "A", "C"), (2001, "A", "C"), (2050, "G", "C")]), blocks["20"], "20")
    assert found.sites.pos.tolist() == [5001, 8051, 8100]
    assert found.source.tolist() == [0, 3, 2]
    assert found.sites.id.tolist() == ["v1001", "v2050", "v2001"]
    assert found.count(Lift.unmapped) == 1
    assert found.count(*KEPT) == 3


def test_a_chromosome_without_a_chain_lifts_nowhere() -> None:
    found = lift(table([(5, "A", "C")]), None, "20")
    assert len(found.sites) == 0
    assert unmoved(table([(5, "A", "C")])).source.tolist() == [0]


def test_chain_files_are_known_by_their_names(tmp_path: Path) -> None:
    for name in ("hg19ToHg38.over.chain.gz", "GRCh37_to_GRCh39.chain", "UMD3To ARS.txt", "UMD3.1ToARS-UCD1.2.chain.gz"):
        (tmp_path / name).touch()
    assert list(list_chains(tmp_path, "hg38")) == ["GRCh37"]
    assert list(list_chains(tmp_path, "ARS-UCD1.2")) == ["UMD3.1"]
    assert list_chains(tmp_path, "GRCh37") == {}
    assert list_chains(None, "GRCh38") == {}


@pytest.mark.parametrize("content", [b"chain 1 chr20", b"chain 5 chr20 9 + 0 5 chr20 9 + 0 5 1\nfive\n", b"\x1f\x8b"])
def test_broken_chain_is_a_fault_of_the_setup(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hg19ToHg38.over.chain.gz"
    path.write_bytes(content if content.startswith(b"\x1f") else gzip.compress(content))
    with pytest.raises(TesseraError) as caught:
        read_chain(path, {"20"})
    assert caught.value.code is Code.setup_invalid


@pytest.mark.shared
@pytest.mark.skipif(not CHAINS.is_dir(), reason="needs ../shared")
def test_known_variants_between_the_human_builds() -> None:
    """APOE rs429358 and rs7412, and the bounds of the pseudoautosomal region PAR1 of X."""
    known = {"19": [(45411941, 44908684), (45412079, 44908822)], "X": [(60001, 10001), (2699520, 2781479)]}
    for (old, new), target in (((0, 1), "GRCh38"), ((1, 0), "GRCh37")):
        (path,) = list_chains(CHAINS, target).values()
        blocks = read_chain(path, known)
        for chromosome, places in known.items():
            sites = table([(place[old], "C", "T") for place in places], chromosome)
            assert lift(sites, blocks[chromosome], chromosome).sites.pos.tolist() == [place[new] for place in places]


@pytest.mark.shared
@pytest.mark.skipif(not CHAINS.is_dir(), reason="needs ../shared")
def test_there_and_back_again() -> None:
    rng = np.random.default_rng(1)
    pos = np.unique(rng.integers(60_000, 63_000_000, 20_000))
    there = read_chain(list_chains(CHAINS, "GRCh38")["GRCh37"], {"20"})["20"]
    back = read_chain(list_chains(CHAINS, "GRCh37")["GRCh38"], {"20"})["20"]
    sites = table([(int(one), "A", "G") for one in pos])
    once = lift(sites, there, "20")
    twice = lift(once.sites, back, "20")
    same = twice.sites.pos == pos[once.source[twice.source]]
    assert len(once.sites) > 0.93 * len(pos)
    assert same.mean() > 0.999
    assert set(twice.sites.ref[same].tolist()) == {"A"}
