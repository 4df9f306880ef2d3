"""A genetic map that comes with a pedigree job: used where it maps, noted where it does not, refused with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from jobs.records import NewFile, NewJob
from jobs.states import JobState
from jobs.storage import publish
from tests.reference.peeling_exact import Parents
from tests.support.pedigrees import drop
from tests.support.worker import Workplace, worker_settings
from tests.worker.test_peel_job import results
from worker.pipeline.peel_folder import PeelOptions
from worker.pipeline.peel_run import PeelOffline, PeelOfflineDone, peel_offline

LOCI, STEP = 40, 1_000_000
PARENTS: Parents = [(None, None)] * 2 + [(0, 1)] * 6
NAMES = [f"a{row}" for row in range(len(PARENTS))]


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chromosomes 1, 2 and X; the youngest is typed at the ends of each alone."""
    folder = tmp_path_factory.mktemp("family")
    rng = np.random.default_rng(6)
    head = ["##fileformat=VCFv4.2", *(f"##contig=<ID={name}>" for name in ("1", "2", "X"))]
    head.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="GT">')
    head.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *NAMES]))
    lines = []
    for chromosome in ("1", "2", "X"):
        haps = drop(rng, PARENTS, rng.integers(0, 2, (4, LOCI)).astype(np.int8), 0.01)
        for site in range(LOCI):
            cells = ["/".join(map(str, sorted(one))) for one in haps[:, :, site].tolist()]
            if 0 < site < LOCI - 1:
                cells[-1] = "./."
            pos = 3_000_001 + site * STEP
            lines.append("\t".join([chromosome, str(pos), ".", "A", "C", ".", ".", ".", "GT", *cells]))
    (folder / "in.vcf").write_text("\n".join([*head, *lines]) + "\n")
    rows = ["F a0 0 0 1 0", "F a1 0 0 2 0", *(f"F {name} a0 a1 2 0" for name in NAMES[2:])]
    (folder / "p.fam").write_text("\n".join(rows) + "\n")
    return folder


def plink(path: Path, chromosome: str, rate: float) -> Path:
    """A map of `rate` cM/Mb over all sites of a chromosome."""
    points = [(0, 0), (100, rate * 100)]
    path.write_text("".join(f"{chromosome} p{mb} {cm} {mb * STEP}\n" for mb, cm in points))
    return path


def peel(family: Path, out: Path, *maps: Path) -> PeelOfflineDone:
    offline = PeelOffline(PeelOptions(cycles=3), "GRCh38", maps=maps)
    return peel_offline([family / "in.vcf"], family / "p.fam", out, offline)


def _text(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


def notes(done: PeelOfflineDone, code: str) -> list[str]:
    return [note["chromosome"] for note in done.qc["notes"] if note["code"] == code]


def test_a_map_of_one_chromosome_leaves_the_others_at_the_default_rate(family: Path, tmp_path: Path) -> None:
    own = plink(tmp_path / "one.map", "chr1", 5.0)
    with_map, without = peel(family, tmp_path / "a.vcf.gz", own), peel(family, tmp_path / "b.vcf.gz")
    assert [one.map for one in with_map.chromosomes] == ["one.map", "1 cM per Mb", "1 cM per Mb"]
    assert notes(with_map, "no_genetic_map") == ["2", "X"]
    assert notes(without, "no_genetic_map") == ["1", "2", "X"]
    a, b = ([line for line in peeled.splitlines() if not line.startswith(b"##")]
            for peeled in map(_text, (tmp_path / "a.vcf.gz", tmp_path / "b.vcf.gz")))  # fmt: skip
    # Recombination at five times the rate leaves the middle of the youngest less sure; the others are as they were.
    assert a[1 + LOCI :] == b[1 + LOCI :]
    sure = [np.mean([max(map(float, line.split(b"\t")[-1].split(b":")[2].split(b","))) for line in text[2:LOCI]])
            for text in (a, b)]  # fmt: skip
    assert sure[0] < sure[1] - 0.02


def test_what_does_not_fit_is_said(family: Path, tmp_path: Path) -> None:
    with pytest.raises(TesseraError, match=r"of other chromosomes \(7\)") as error:
        peel(family, tmp_path / "x.vcf.gz", plink(tmp_path / "m.map", "7", 1.0))
    assert error.value.code is Code.map_invalid
    away = tmp_path / "away.map"
    away.write_text("1 a 0 90000000\n1 b 2 91000000\n")
    assert notes(peel(family, tmp_path / "y.vcf.gz", away), "beyond_genetic_map") == ["1"]


def test_a_job_takes_maps_and_refuses_a_bad_one_before_it_reads_genotypes(family: Path, tmp_path: Path) -> None:
    good, bad = plink(tmp_path / "x.map", "X", 2.0), tmp_path / "bad.map"
    bad.write_text("1 a 0 1\n1 b 2 100\n1 c 1 200\n")
    place = Workplace(worker_settings(tmp_path / "data", worker={"threads": 1}, peeling={"cycles": 2}))
    jobs = []
    for number, scale in enumerate((good, bad)):
        files = []
        for kind, path in (("vcf", family / "in.vcf"), ("pedigree", family / "p.fam"), ("map", scale)):
            key = f"uploads/{number}-{path.name}"
            files.append(NewFile(kind, path.name, key, *publish(place.storage, path, key)))
        with place.repository() as repository:
            new = NewJob(bundle="none", engine="peeling", build="GRCh38")
            jobs.append(repository.create_job(new, files).id)
    executor = place.executor()
    while executor.run_next("cpu"):
        pass
    with place.repository() as repository:
        first, second = (repository.get_job(one) for one in jobs)
    assert (first.state, first.error) == (JobState.complete, None)
    report = json.loads(results(place, first.id, tmp_path / "got")["report.json"].read_text())
    assert {one["chromosome"]: one["map"] for one in report["chromosomes"]} == {
        "1": "1 cM per Mb", "2": "1 cM per Mb", "X": "x.map",
    }  # fmt: skip
    assert second.error is not None
    assert (second.error["code"], second.error["details"]) == ("map_invalid", {"file": "bad.map", "line": 3})
