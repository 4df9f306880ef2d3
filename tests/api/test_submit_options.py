"""Options of a job as forms and browsers send them, and those that an engine would ignore."""

from __future__ import annotations

import pytest

from tests.support.api import VCF, Api

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FILES = {"vcf": ("a.vcf", VCF)}
FAMILY = FILES | {"pedigree": ("f.fam", b"F1 S1 0 0 1 -9\n")}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (["none"], "none"),
        (["none", "swap", "flip"], "swap,flip"),
        (["none", "swap", "flip", "palindromic", "indels", "duplicates", "liftover"], "all"),
        (["swap,flip", "indels"], "swap,flip,indels"),
    ],
)
def test_boxes_of_one_name_are_a_list(api: Api, sent: list[str], kept: str) -> None:
    answer = api.client.post("/jobs", files=FILES, data={"mend": sent})
    assert answer.json()["options"] == {"mend": kept}


def test_lists_of_a_pedigree_job_may_be_sent_in_parts(api: Api) -> None:
    data = {"peel": ["correct", "haplotypes"], "animals": ["S1 S2", "S3"]}
    answer = api.client.post("/jobs", files=FAMILY, data=data)
    assert answer.json()["options"] == {"peel": ["correct", "haplotypes"], "animals": ["S1", "S2", "S3"]}


def test_a_word_that_is_no_mending_is_refused_in_any_part(api: Api) -> None:
    answer = api.client.post("/jobs", files=FILES, data={"mend": ["swap", "polish"]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "mend")
    assert "'polish'" in answer.json()["detail"]


@pytest.mark.parametrize("field", ["samples", "qc_call_rate", "qc_hwe", "qc_af_diff", "population"])
def test_what_peeling_would_ignore_is_refused(api: Api, field: str) -> None:
    value = "flag" if field == "samples" else "0.5"
    answer = api.client.post("/jobs", files=FAMILY, data={field: value})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "not_with_pedigree", field)
    assert "without the pedigree" in answer.json()["action"]
    assert api.client.post("/jobs", files=FAMILY, data={"mend": "swap"}).json()["options"] == {"mend": "swap"}


def test_all_that_peeling_would_ignore_is_named_with_its_reason(api: Api) -> None:
    answer = api.client.post("/jobs", files=FAMILY, data={"population": "EUR", "samples": "drop"})
    told = {one["field"]: one["message"] for one in answer.json()["errors"]}
    assert "founders' allele frequencies" in told["population"]
    assert "imputed from its relatives" in told["samples"]


def test_a_browsers_form_is_sent_on_to_the_page_of_the_job(api: Api) -> None:
    answer = api.client.post("/jobs", files=FILES, headers=BROWSER, follow_redirects=False)
    assert answer.status_code == 303
    job = api.client.get(answer.headers["location"], headers={"accept": "application/json"}).json()
    assert (job["state"], job["name"]) == ("queued", "a.vcf")


def test_a_browsers_form_is_refused_with_a_page_that_names_every_fault(api: Api) -> None:
    data = {"r2_min": "7", "qc_hwe": "x"}
    answer = api.client.post("/jobs", files=FILES, data=data, headers=BROWSER)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
    for name in data:
        assert f"&#39;{name}&#39; must be a number from 0 to 1." in answer.text


@pytest.mark.parametrize("files", [FILES, FAMILY])
def test_effort_is_kept_for_any_job_and_nothing_else_is_one(api: Api, files: dict[str, tuple[str, bytes]]) -> None:
    assert api.client.post("/jobs", files=files, data={"effort": "thorough"}).json()["options"] == {
        "effort": "thorough"
    }
    assert api.client.post("/jobs", files=files, data={"effort": ""}).json()["options"] == {}
    refused = api.client.post("/jobs", files=files, data={"effort": "utmost"})
    assert (refused.status_code, refused.json()["field"]) == (422, "effort")
    assert "fast, thorough" in refused.json()["detail"]
