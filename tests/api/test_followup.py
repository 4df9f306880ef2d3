"""A job from the upload of an earlier one: no second upload, and neither job depends on the other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs.repository import Repository
from tests.support.api import VCF, Api

PEDIGREE = b"F1 S1 0 0 1 -9\n"


def follow(api: Api, job_id: str, **fields: Any) -> Any:
    """`curl -F from_job=JOB`."""
    return api.client.post("/jobs", files={"from_job": (None, job_id), **{k: (None, v) for k, v in fields.items()}})


def upload_of(api: Api, job_id: str) -> bytes:
    with api.services.reading() as repository:
        row = repository.job_files(job_id)[0]
    with api.services.storage.open(row.key) as content:
        return content.read()


def expire(api: Api, repository: Repository) -> None:
    """What the sweeper does."""
    for prefix in repository.expire_jobs(api.clock.now() + timedelta(days=30)):
        api.services.storage.delete(prefix)


def test_a_check_is_sent_on_as_an_imputation(api: Api) -> None:
    first = api.submit(mode="qc", build="GRCh37", strict="on", name="people", bundle="demo", r2_min="0.3")
    api.end(first["id"])
    api.rings.clear()
    answer = follow(api, first["id"])
    assert answer.status_code == 202, answer.text
    second = answer.json()
    assert second["id"] != first["id"]
    assert second["files"] == first["files"]
    same = ("bundle", "build", "strict", "name", "r2_min", "engine", "format")
    assert {name: second[name] for name in same} == {name: first[name] for name in same}
    assert (second["mode"], second["state"]) == ("impute", "queued")
    assert upload_of(api, second["id"]) == VCF
    assert api.rings == [("cpu", 1)]


def test_fields_that_are_given_win(api: Api) -> None:
    first = api.submit(mode="qc", name="people")
    second = follow(api, first["id"], name="again", mode="qc", format="bcf").json()
    assert (second["name"], second["mode"], second["format"]) == ("again", "qc", "bcf")


def test_options_come_along_and_those_that_are_given_win(api: Api) -> None:
    first = api.submit(mode="qc", mend="swap,flip", qc_hwe="0.001", samples="flag")
    second = follow(api, first["id"], qc_hwe="0.01").json()
    assert second["options"] == {"mend": "swap,flip", "qc_hwe": 0.01, "samples": "flag"}


@pytest.mark.parametrize("order", [0, 1])
def test_deleting_either_leaves_the_other(api: Api, order: int) -> None:
    first = api.submit(mode="qc")
    pair = [first["id"], follow(api, first["id"]).json()["id"]]
    assert api.client.delete(f"/jobs/{pair[order]}").status_code == 204
    assert upload_of(api, pair[1 - order]) == VCF
    assert api.client.delete(f"/jobs/{pair[1 - order]}").status_code == 204
    assert api.storage_files == []


def test_expiry_of_the_first_leaves_the_second_and_ends_further_ones(api: Api) -> None:
    first = api.submit(mode="qc")
    api.end(first["id"])
    second = follow(api, first["id"]).json()
    with api.services.unit_of_work() as unit:
        expire(api, unit.repository)
    assert upload_of(api, second["id"]) == VCF
    answer = follow(api, first["id"])
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "upload_gone", "from_job")
    assert api.job_count == 2
    third = follow(api, second["id"])
    assert third.status_code == 202
    assert upload_of(api, third.json()["id"]) == VCF


def test_a_pedigree_comes_along(api: Api) -> None:
    files = [("vcf", ("a.vcf", VCF)), ("vcf", ("b.vcf", VCF)), ("pedigree", ("f.fam", PEDIGREE))]
    first = api.client.post("/jobs", files=files, data={"mode": "qc"}).json()
    second = follow(api, first["id"]).json()
    assert [(one["filename"], one["kind"]) for one in second["files"]] == [
        ("a.vcf", "vcf"),
        ("b.vcf", "vcf"),
        ("f.fam", "pedigree"),
    ]
    refused = follow(api, first["id"], engine="dae")
    assert (refused.status_code, refused.json()["field"]) == (422, "engine")


def test_what_cannot_be_followed_is_refused_and_leaves_nothing(api: Api) -> None:
    first = api.submit()
    before = api.storage_files
    nobody = "job_" + "0" * 26
    for job_id, status, code in (("x", 422, "invalid_field"), (nobody, 404, "job_not_found")):
        answer = follow(api, job_id)
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, "from_job")
    both = api.client.post("/jobs", data={"from_job": first["id"]}, files={"vcf": ("a.vcf", VCF)})
    assert (both.status_code, both.json()["field"]) == (422, "from_job")
    api.services.storage.delete(f"jobs/{first['id']}/uploads/")
    assert follow(api, first["id"]).json()["code"] == "upload_gone"
    assert [path for path in api.storage_files if path not in before] == []
    assert api.job_count == 1
