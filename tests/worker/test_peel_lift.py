"""A family on another build than its bundle: everything moves, also what the bundle lacks and the job's map."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pysam
import pytest

from genotypes.chain import read_chain
from tests.reference.peeling_exact import Parents
from tests.support.bundles import EVERY, SITES, make_panel, tiny_library
from tests.support.chains import NAME, Piece, write_chain
from tests.support.pedigrees import drop
from tests.worker.test_peel_bundle_x import peel
from worker.pipeline.peel_folder import JoinedChromosome
from worker.pipeline.peel_lift import Move

PARENTS: Parents = [(None, None)] * 2 + [(0, 1)] * 4
NAMES = [f"a{row}" for row in range(len(PARENTS))]
SHIFTS = {"20": 5_000, "21": -7_000, "22": 0}  # bp from the old build to the bundle's; nothing of 22 has a place


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chromosomes 20 (the bundle's), 21 and 22 on the old build, a chain of the first two, and a map of all."""
    folder = tmp_path_factory.mktemp("family")
    panel = make_panel()
    rng = np.random.default_rng(3)
    for contig in ("20", "21"):
        piece = Piece(500_000, 500_000 + SHIFTS[contig], 2_000_000, contig=f"chr{contig}")
        write_chain(folder / contig, [piece], contig=f"chr{contig}")
    (folder / "chains").mkdir()
    (folder / "chains" / NAME).write_text("".join((folder / one / NAME).read_text() for one in ("20", "21")))
    head = ["##fileformat=VCFv4.2", *(f"##contig=<ID={contig}>" for contig in SHIFTS)]
    head.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="GT">')
    head.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *NAMES]))
    lines = []
    for contig, shift in SHIFTS.items():
        haps = drop(rng, PARENTS, panel.others[:4], 0.002)
        for v in range(0, SITES, EVERY):
            cells = ["/".join(map(str, sorted(one))) for one in haps[:, :, v].tolist()]
            site = [contig, str(panel.pos[v] - shift), ".", panel.ref[v], panel.alt[v], ".", ".", ".", "GT"]
            lines.append("\t".join([*site, *cells]))
    (folder / "in.vcf").write_text("\n".join([*head, *lines]) + "\n")
    (folder / "p.txt").write_text("".join(f"{name} a0 a1\n" for name in NAMES[2:]))
    (folder / "own.map").write_text("".join(
        f"{contig} p {2 * mb} {int(mb * 1e6) - shift}\n" for contig, shift in SHIFTS.items() for mb in (0.9, 1.5, 2.2)
    ))  # fmt: skip
    tiny_library(folder)
    return folder


def test_chromosomes_that_the_bundle_lacks_move_too(family: Path) -> None:
    report, records = peel(family, family / "tiny", "--build", "GRCh38", "--chains", family / "chains",
                           "--map", family / "own.map")  # fmt: skip
    panel = make_panel()
    typed = panel.pos[::EVERY].tolist()
    found = {contig: [record.pos for record in records if record.contig == contig] for contig in SHIFTS}
    assert found == {"20": panel.pos.tolist(), "21": typed, "22": []}
    qc = json.loads((family / "report" / "qc.json").read_text())
    notes = {(note["code"], note["chromosome"]): note for note in qc["notes"]}
    assert notes["not_lifted", "22"]["count"] == len(typed)
    assert "22" in notes["map_not_lifted", None]["message"]
    assert "no_genetic_map" not in {code for code, _ in notes}
    assert {one["chromosome"]: one["map"] for one in report["chromosomes"]} == {  # type: ignore[union-attr]
        "20": "own.map", "21": "own.map",
    }  # fmt: skip
    with pysam.VariantFile(str(family / "out.vcf.gz")) as file:
        assert "GRCh37" in str(file.header)


def test_the_bounds_of_x_move(tmp_path: Path) -> None:
    chains = write_chain(tmp_path, [Piece(0, 900, 5_000_000, contig="chrX")], contig="chrX")
    blocks = read_chain(chains / NAME, {"X"})
    one = JoinedChromosome("X", "chrX", "chrX", None, "c0", 5, [5], [1_000, 2_000])
    assert Move("old", "new", blocks).bounds(one) == [1_900, 2_900]
    assert Move("old", "GRCh37", blocks).bounds(one) == [2_699_521, 154_931_043]
    far = JoinedChromosome("X", "chrX", "chrX", None, "c0", 5, [5], [1_000, 9_000_000])
    lost = Move("old", "new", blocks)
    assert lost.bounds(far) is None
    assert not lost.keeps(far)
