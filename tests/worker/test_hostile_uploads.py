"""Uploads that nobody should send, up to harmonisation: a code with its reason, or a note, and never a crash."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from models.bundles import open_bundle
from worker.pipeline.folder import Harmonised, Ingested
from worker.pipeline.harmonise import HarmoniseOptions, harmonise
from worker.pipeline.ingest import ingest
from worker.pipeline.sample_policy import SamplePolicy
from worker.pipeline.types import BundleView, HarmoniseSummary

ROOT = Path(__file__).parents[2]


@cache
def bundle() -> BundleView:
    """The shipped one, which has populations."""
    return open_bundle(ROOT / "bundles" / "kgp-chr20-demo")


@cache
def good() -> str:
    """The example with its first 20 people."""
    lines = gzip.decompress((ROOT / "examples" / "gsa-chr20.vcf.gz").read_bytes()).decode().splitlines()
    return "\n".join(line if line.startswith("##") else "\t".join(line.split("\t")[:29]) for line in lines) + "\n"


def cells(change: Callable[[str], str]) -> bytes:
    """The good file with every genotype changed."""
    lines = [line.split("\t") for line in good().splitlines()]
    out = [line if line[0].startswith("#") else [*line[:9], *map(change, line[9:])] for line in lines]
    return ("\n".join(map("\t".join, out)) + "\n").encode()


def records(change: Callable[[list[str]], list[str]]) -> bytes:
    """The good file with the columns of every record changed."""
    lines = [line if line.startswith("#") else "\t".join(change(line.split("\t"))) for line in good().splitlines()]
    return ("\n".join(lines) + "\n").encode()


def run(folder: Path, data: bytes, options: HarmoniseOptions | None = None) -> HarmoniseSummary:
    (folder / "x.vcf").write_bytes(data)
    ingest([folder / "x.vcf"], folder / "in")
    return harmonise(folder / "in", bundle(), folder / "out", options)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    run(folder, good().encode())
    return folder / "out"


def same(one: Path, other: Path) -> bool:
    (a,), (b,) = (Harmonised.open(folder).chromosomes for folder in (one, other))
    stores = [Harmonised.open(folder).typed(made) for folder, made in ((one, a), (other, b))]
    return bool(np.array_equal(stores[0].rows, stores[1].rows) and np.array_equal(stores[0].codes, stores[1].codes))


@pytest.mark.parametrize("action", ["drop", "flag"])
@pytest.mark.parametrize("population", ["auto", "EUR"])
def test_no_call_at_all(tmp_path: Path, action: str, population: str) -> None:
    options = HarmoniseOptions(population=population, samples=SamplePolicy(action=action))  # type: ignore[arg-type]
    with pytest.raises(TesseraError, match="636 all missing") as caught:
        run(tmp_path, cells(lambda _: "./."), options)
    assert caught.value.code is Code.no_sites_left


def test_a_phase_before_the_first_allele_is_read(tmp_path: Path, clean: Path) -> None:
    """As VCF 4.4 allows it."""
    run(tmp_path, cells(lambda call: "/" + call).replace(b"VCFv4.2", b"VCFv4.4", 1))
    assert same(tmp_path / "out", clean)


@pytest.mark.parametrize("call", ["0/0/1", "0|1/0", "/0/0/1"])
def test_polyploid_genotypes_are_named_by_line(tmp_path: Path, call: str) -> None:
    with pytest.raises(TesseraError, match=r"Line \d+ has a genotype of more than two alleles") as caught:
        run(tmp_path, cells(lambda _: call))
    assert (caught.value.code, caught.value.details["line"]) == (Code.malformed_record, first_record())
    assert "haploid and diploid" in caught.value.action


def first_record() -> int:
    return next(number for number, line in enumerate(good().splitlines(), start=1) if not line.startswith("#"))


def test_nul_bytes_are_named_by_line(tmp_path: Path) -> None:
    data = good().encode().splitlines(keepends=True)
    data[100] = data[100].replace(b"PASS", b"PA\0S", 1).replace(b"0/0", b"0\0/", 1)
    with pytest.raises(TesseraError, match="Line 101 holds NUL bytes") as caught:
        run(tmp_path, b"".join(data))
    assert (caught.value.code, caught.value.details["line"]) == (Code.corrupt_file, 101)


@pytest.mark.parametrize("alleles", [("A", "<DEL>"), ("A", "*"), ("<CNV>", "A")])
def test_no_allele_in_bases(tmp_path: Path, alleles: tuple[str, str]) -> None:
    with pytest.raises(TesseraError) as caught:
        run(tmp_path, records(lambda line: [*line[:3], *alleles, *line[5:]]))
    assert caught.value.code in (Code.symbolic_alleles, Code.no_overlap)
    assert "None of the 0" not in caught.value.message


def test_thousands_of_contigs_are_summed_up(tmp_path: Path) -> None:
    more = "".join(re.sub("^[^\t]+", f"c{k}", good().splitlines()[-1]) + "\n" for k in range(2_000))
    qc = run(tmp_path, good().encode() + more.encode()).qc
    notes = [one for one in qc["notes"] if one["code"] == "chromosome_not_in_bundle"]
    assert len(notes) == 11
    unread = next(one["count"] for one in qc["notes"] if one["code"] == "contigs_left_out")
    assert sum(one["count"] for one in notes) == len(qc["left_out"]) == 2_000 - unread > 400


def header(ids: bytes) -> bytes:
    """The good file with other ids."""
    return re.sub(rb"(?m)^(#CHROM(?:\t[A-Z]+){8}).*$", lambda found: found[1] + b"\t" + ids, good().encode())


def test_a_column_without_an_id_is_refused(tmp_path: Path) -> None:
    ids = b"\t".join([b"a", b"", *(b"p%d" % k for k in range(18))])
    with pytest.raises(TesseraError, match="no sample id in column 11") as caught:
        run(tmp_path, header(ids))
    assert caught.value.code is Code.malformed_record


def test_ids_of_another_encoding_stay_apart(tmp_path: Path, clean: Path) -> None:
    names = ["Muñoz", "Muéoz", "a b", *(f"p{k}" for k in range(17))]
    for folder, encoding in (("latin", "latin-1"), ("utf", "utf-8")):
        (tmp_path / folder).mkdir()
        run(tmp_path / folder, header("\t".join(names).encode(encoding)))
        assert Ingested.open(tmp_path / folder / "in").samples == names
        assert same(tmp_path / folder / "out", clean)


def test_a_byte_order_mark_alone_is_no_windows_line_end(tmp_path: Path, clean: Path) -> None:
    codes = [one["code"] for one in run(tmp_path, b"\xef\xbb\xbf" + good().encode()).qc["notes"]]
    assert "byte_order_mark" in codes
    assert "crlf" not in codes
    assert same(tmp_path / "out", clean)


def test_indexes_are_left_out(tmp_path: Path, clean: Path) -> None:
    (tmp_path / "x.vcf").write_text(good())
    (tmp_path / "x.vcf.gz.tbi").write_bytes(b"of another file")
    ingest([tmp_path / "x.vcf", tmp_path / "x.vcf.gz.tbi"], tmp_path / "in")
    qc = harmonise(tmp_path / "in", bundle(), tmp_path / "out").qc
    assert "index_left_out" in [one["code"] for one in qc["notes"]]
    assert same(tmp_path / "out", clean)
    with pytest.raises(TesseraError, match="is an index: the file that it belongs to is missing"):
        ingest([tmp_path / "x.vcf.gz.tbi"], tmp_path / "again")
