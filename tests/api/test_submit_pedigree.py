"""Jobs with a pedigree at submission: its fields, the files beside it, its bundle."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.support.api import VCF, Api, running_api

PEDIGREE = b"F1 S1 0 0 1 -9\n"


@pytest.mark.parametrize("engine", ["auto", "peeling"])
@pytest.mark.parametrize("order", [("pedigree", "vcf"), ("vcf", "pedigree")])
def test_a_pedigree_is_peeled_in_any_species_without_a_bundle(tmp_path: Path, engine: str, order: list[str]) -> None:
    (tmp_path / "bundles").mkdir()
    parts = {"vcf": ("a.vcf", VCF), "pedigree": ("f.fam", PEDIGREE)}
    with running_api(tmp_path) as api:
        answer = api.client.post(
            "/jobs", files=[(name, parts[name]) for name in order], data={"engine": engine, "build": "ARS-UCD1.2"}
        )
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["engine"], job["bundle"], job["build"], job["name"]) == ("peeling", "none", "ARS-UCD1.2", "a.vcf")


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        ({"bundle": "nope"}, "bundle_not_found", "bundle"),
        ({"build": "../etc"}, "invalid_field", "build"),
        ({"build": "x" * 17}, "invalid_field", "build"),
    ],
)
def test_fields_of_a_pedigree_job_are_checked_at_once(api: Api, data: dict[str, str], code: str, field: str) -> None:
    files = [("vcf", ("a.vcf", VCF)), ("pedigree", ("f.fam", PEDIGREE))]
    problem = api.client.post("/jobs", files=files, data=data).json()
    assert (problem["code"], problem["field"]) == (code, field)
    assert api.storage_files == []


def test_what_to_write_of_a_pedigree_reaches_the_job(api: Api) -> None:
    files = [("vcf", ("a.vcf", VCF)), ("pedigree", ("f.fam", PEDIGREE))]
    data = {"peel": "Haplotypes, correct", "animals": "S1,S2 S1"}
    job = api.client.post("/jobs", files=files, data=data).json()
    assert job["options"] == {"peel": ["haplotypes", "correct"], "animals": ["S1", "S2"]}
    problem = api.client.post("/jobs", files=files, data={"peel": "banana"}).json()
    assert (problem["code"], problem["field"]) == ("invalid_field", "peel")
    problem = api.client.post("/jobs", files=files[:1], data={"animals": "S1"}).json()
    assert (problem["code"], problem["field"]) == ("invalid_field", "animals")


def test_how_a_pedigree_is_inherited_reaches_the_job(api: Api) -> None:
    files = [("vcf", ("a.vcf", VCF)), ("pedigree", ("f.fam", PEDIGREE))]
    job = api.client.post(
        "/jobs", files=files, data={"doubled_haploids": "S1,S2", "non_par": "5-900", "sex_system": "zw"}
    ).json()
    assert job["options"] == {"doubled_haploids": ["S1", "S2"], "non_par": [5, 900], "sex_system": "ZW"}
    problem = api.client.post("/jobs", files=files, data={"sex_system": "WZ"}).json()
    assert (problem["code"], problem["field"]) == ("invalid_field", "sex_system")
    problem = api.client.post("/jobs", files=files, data={"non_par": "900-5"}).json()
    assert (problem["code"], problem["field"]) == ("invalid_field", "non_par")


def test_genetic_maps_come_with_a_pedigree(api: Api) -> None:
    scale, family = b"1 a 0 100\n1 b 1 200\n", ("pedigree", ("f.fam", PEDIGREE))
    maps = [("map", ("a.map", scale)), ("map", ("b.map", scale))]
    job = api.client.post("/jobs", files=[("vcf", ("a.vcf", VCF)), *maps, family]).json()
    assert [one["kind"] for one in job["files"]] == ["vcf", "map", "map", "pedigree"]
    known = ("frequencies", ("f.tsv", b"CHROM\tPOS\tREF\tALT\tMF_1\n"))
    job = api.client.post("/jobs", files=[("vcf", ("a.vcf", VCF)), known, family]).json()
    assert [one["kind"] for one in job["files"]] == ["vcf", "frequencies", "pedigree"]
    for files in ([("vcf", ("a.vcf", VCF)), known], [("vcf", ("a.vcf", VCF)), family, known, known]):
        problem = api.client.post("/jobs", files=files).json()
        assert (problem["code"], problem["field"]) == ("invalid_field", "frequencies")
    problem = api.client.post("/jobs", files=[("vcf", ("a.vcf", VCF)), *maps]).json()
    assert (problem["code"], problem["field"]) == ("invalid_field", "map")
    bad = ("map", ("c.map", b"1 a 0 100\n1 b one 200\n1 c 1 300\n"))
    refused = api.client.post("/jobs", files=[("vcf", ("a.vcf", VCF)), bad, family])
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["field"]) == (422, "map_invalid", "map")
    assert "Line 2: 'one'" in problem["detail"]


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (b"CHROM\tPOS\tREF\tALT\n", "frequencies_invalid", "names no group"),
        (b"CHROM POS REF ALT MF_1\n", "frequencies_invalid", "lacks CHROM, POS, REF, ALT"),
        (gzip.compress(b"#CHROM\tPOS\tREF\tMF_1\n"), "frequencies_invalid", "Line 1: its header lacks ALT"),
        (gzip.compress(b"CHROM\tPOS")[:-9] + bytes(9), "corrupt_file", "damaged"),
        (b" \n", "empty_file", "empty"),
    ],
)
def test_a_table_of_frequencies_is_judged_by_its_header(api: Api, text: bytes, code: str, says: str) -> None:
    files = [("vcf", ("a.vcf", VCF)), ("frequencies", ("f.tsv", text)), ("pedigree", ("f.fam", PEDIGREE))]
    problem = api.client.post("/jobs", files=files).json()
    assert (problem["status"], problem["code"], problem["field"]) == (422, code, "frequencies")
    assert says in problem["detail"]


@pytest.mark.parametrize(("asked", "taken"), [("demo", "demo-"), ("auto", "auto"), ("none", "none")])
def test_a_pedigree_job_takes_the_bundle_that_is_named_or_chooses_one_or_none(api: Api, asked: str, taken: str) -> None:
    files = [("vcf", ("a.vcf", VCF)), ("pedigree", ("f.fam", PEDIGREE))]
    job = api.client.post("/jobs", files=files, data={"bundle": asked}).json()
    assert job["engine"] == "peeling"
    assert job["bundle"].startswith(taken)
