from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from tests.support.api import VCF, VCF_GZ, Api, bcf_bytes, running_api, write_manifest

PEDIGREE = b"F1 S1 0 0 1 -9\n"


def test_one_file_and_nothing_else_is_enough(api: Api) -> None:
    answer = api.client.post("/jobs", files={"vcf": ("cohort.vcf.gz", VCF_GZ)})

    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/jobs/{job['id']}" == job["links"]["self"]
    assert job["state"] == "queued"
    assert job["queue_position"] == 1
    assert job["name"] == "cohort.vcf.gz"
    assert job["bundle"] == "auto", "the job chooses when it has seen the sites"
    assert job["files"] == [
        {
            "filename": "cohort.vcf.gz",
            "size": len(VCF_GZ),
            "sha256": hashlib.sha256(VCF_GZ).hexdigest(),
            "kind": "vcf",
        }
    ]
    with api.services.reading() as repository:
        stored = repository.job_files(job["id"])[0]
    with api.services.storage.open(stored.key) as content:
        assert content.read() == VCF_GZ
    assert api.rings == [("cpu", 1)]


def test_every_field_reaches_the_job(api: Api) -> None:
    job = api.submit(
        build="hg19", engine="dae", mode="qc", r2_min="0.3", format="bcf", name="My cohort", strict="on", bundle="demo"
    )
    expected = {"build": "GRCh37", "engine": "dae", "mode": "qc", "r2_min": 0.3, "format": "bcf", "strict": True}
    assert {name: job[name] for name in expected} == expected
    assert job["name"] == "My cohort"


def test_mending_and_thresholds_reach_the_job(api: Api) -> None:
    job = api.submit(mend="flip, SWAP", qc_hwe="1e-4", qc_call_rate="0", samples="Flag")
    assert job["options"] == {"mend": "swap,flip", "qc_hwe": 1e-4, "qc_call_rate": 0.0, "samples": "flag"}
    assert api.submit()["options"] == {}


def test_a_build_that_chains_lift_fits_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "chains").mkdir()
    (tmp_path / "chains" / "hg38ToHg19.over.chain.gz").touch()
    files = {"vcf": ("a.vcf", VCF)}
    with running_api(tmp_path, chains=tmp_path / "chains") as api:
        assert api.submit(build="GRCh38")["bundle"] == "auto"
        assert api.submit(build="hg38", bundle="demo")["bundle"] == api.submit(bundle="demo")["bundle"]
        for refused in ({"strict": "true"}, {"mend": "swap"}):
            answer = api.client.post("/jobs", files=files, data={"build": "GRCh38", **refused})
            assert (answer.status_code, answer.json()["code"]) == (422, "wrong_build")


@pytest.mark.parametrize("order", [["fields", "file"], ["file", "fields"]])
def test_fields_may_come_before_or_after_the_file(api: Api, order: list[str]) -> None:
    parts = {"fields": part("mode", b"qc") + part("name", b"x"), "file": part("vcf", VCF, "a.vcf")}
    answer = post_raw(api, b"".join(parts[name] for name in order))
    assert answer.status_code == 202
    assert (answer.json()["mode"], answer.json()["name"]) == ("qc", "x")


@pytest.mark.parametrize("kind", ["vcf", "vcf.gz", "bcf"])
def test_each_kind_of_file_is_taken(api: Api, tmp_path: Path, kind: str) -> None:
    content = {"vcf": VCF, "vcf.gz": VCF_GZ, "bcf": bcf_bytes(tmp_path)}[kind]
    answer = post_raw(api, part("vcf", content, ""))
    assert answer.json()["files"][0]["filename"] == f"upload-1.{kind}"


def test_several_files_of_one_name_and_a_pedigree(api: Api) -> None:
    files = [("vcf", ("a.vcf", VCF)), ("vcf", ("a.vcf", VCF)), ("pedigree", ("f.fam", PEDIGREE))]
    job = api.client.post("/jobs", files=files).json()
    assert [(file["filename"], file["kind"]) for file in job["files"]] == [
        ("a.vcf", "vcf"),
        ("a (2).vcf", "vcf"),
        ("f.fam", "pedigree"),
    ]


def test_an_input_left_empty_by_a_browser_counts_as_absent(api: Api) -> None:
    body = part("vcf", VCF, "a.vcf") + part("pedigree", b"", "") + part("r2_min", b"") + part("bundle", b"")
    answer = post_raw(api, body)
    assert answer.status_code == 202
    assert [file["kind"] for file in answer.json()["files"]] == ["vcf"]


@pytest.mark.parametrize("name", ["../../etc/passwd.vcf", "..\\..\\passwd.vcf", "/etc/passwd.vcf"])
def test_folders_in_a_name_never_reach_storage(api: Api, name: str) -> None:
    answer = post_raw(api, part("vcf", VCF, name.replace("\\", "\\\\")))
    assert answer.json()["files"][0]["filename"] == "passwd.vcf"
    with api.services.reading() as repository:
        (row,) = repository.job_files(answer.json()["id"])
    assert row.key == f"jobs/{answer.json()['id']}/uploads/0-passwd.vcf"


BAD_FIELDS = [
    ("bundle", "nowhere", "bundle_not_found"),
    ("build", "GRCh99", "invalid_field"),
    ("build", "GRCh38", "wrong_build"),
    ("engine", "magic", "invalid_field"),
    ("mode", "both", "invalid_field"),
    ("format", "zip", "invalid_field"),
    ("r2_min", "1.5", "invalid_field"),
    ("r2_min", "nan", "invalid_field"),
    ("r2_min", "a", "invalid_field"),
    ("strict", "maybe", "invalid_field"),
    ("name", "x" * 201, "invalid_field"),
    ("name", "a\x07b", "invalid_field"),
    ("recipient", "no key", "invalid_field"),
    ("mend", "swap,sort", "invalid_field"),
    ("samples", "keep", "invalid_field"),
    ("qc_call_rate", "90", "invalid_field"),
    ("qc_hwe", "small", "invalid_field"),
    ("qc_af_diff", "-1", "invalid_field"),
    ("population", "EUR", "population_unknown"),
    ("colour", "red", "invalid_field"),
]


@pytest.mark.parametrize("first", [True, False], ids=["before the file", "after the file"])
@pytest.mark.parametrize(("name", "value", "code"), BAD_FIELDS)
def test_a_bad_field_is_named_and_leaves_nothing(api: Api, name: str, value: str, code: str, first: bool) -> None:
    field, file = part(name, value.encode()), part("vcf", VCF, "a.vcf")
    answer = post_raw(api, field + file if first else file + field)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["field"]) == (code, name)
    assert problem["detail"].endswith(".")
    assert problem["action"]
    assert api.storage_files == []
    assert api.job_count == 0
    assert api.rings == []


def test_a_population_of_the_bundle_goes_into_the_job(api: Api) -> None:
    held = [{"name": "EUR", "people": 400, "within": None}, {"name": "GBR", "people": 90, "within": "EUR"}]
    write_manifest(api.services.settings.bundles.dir, "peopled", populations=held)
    for bundle in ("peopled", "auto"):
        for name, kept in (("GBR", "GBR"), ("AUTO", "auto"), ("all", "all")):
            assert api.submit(bundle=bundle, population=name)["options"] == {"population": kept}
    problem = post_raw(api, part("population", b"GBR") + part("bundle", b"demo") + part("vcf", VCF, "a.vcf")).json()
    assert (problem["code"], problem["field"]) == ("population_unknown", "population")
    problem = post_raw(api, part("bundle", b"peopled") + part("population", b"YRI") + part("vcf", VCF, "a.vcf")).json()
    assert "EUR, GBR" in problem["detail"]
    assert api.client.get("/bundles/peopled").json()["panel"]["populations"] == held


def test_several_bad_fields_are_told_together(api: Api) -> None:
    answer = post_raw(api, part("mode", b"x") + part("format", b"y") + part("vcf", VCF, "a.vcf"))
    assert [error["field"] for error in answer.json()["errors"]] == ["mode", "format"]


def test_a_wellformed_key_is_refused_as_not_offered(api: Api) -> None:
    import base64

    key = base64.b64encode(bytes(32)).decode()
    text = f"-----BEGIN CRYPT4GH PUBLIC KEY-----\n{key}\n-----END CRYPT4GH PUBLIC KEY-----\n"
    problem = post_raw(api, part("recipient", text.encode()) + part("vcf", VCF, "a.vcf")).json()
    assert problem["field"] == "recipient"
    assert "not offered by this server yet" in problem["detail"]


@pytest.mark.parametrize(
    ("parts", "code", "field"),
    [
        ([], "missing_field", "vcf"),
        ([("mode", b"qc", None)], "missing_field", "vcf"),
        ([("vcf", b"", "")], "missing_field", "vcf"),
        ([("vcf", b"text", None)], "invalid_field", "vcf"),
        ([("vcf", b"", "empty.vcf")], "empty_file", "vcf"),
        ([("vcf", b"%PDF-1.7", "a.vcf")], "not_vcf", "vcf"),
        ([("vcf", b"#CHROM\tPOS\n", "a.vcf")], "not_vcf", "vcf"),
        ([("vcf", VCF, "..")], "bad_filename", "vcf"),
        ([("vcf", VCF, "good.vcf"), ("vcf", b"no", "bad.vcf")], "not_vcf", "vcf"),
        ([("file", VCF, "a.vcf")], "invalid_field", "file"),
        ([("mode", b"qc", "mode.txt")], "invalid_field", "mode"),
        ([("vcf", VCF, "a.vcf"), ("mode", b"qc", None), ("mode", b"qc", None)], "invalid_field", "mode"),
        ([("vcf", VCF, "a.vcf"), ("name", b"x" * 20000, None)], "invalid_field", "name"),
        ([("vcf", VCF, "a.vcf"), ("engine", b"peeling", None)], "missing_field", "pedigree"),
        ([("vcf", VCF, "a.vcf"), ("engine", b"dae", None), ("pedigree", PEDIGREE, "f")], "invalid_field", "engine"),
        (
            [("vcf", VCF, "a.vcf"), ("pedigree", PEDIGREE, "f"), ("pedigree", PEDIGREE, "g")],
            "invalid_field",
            "pedigree",
        ),
        ([("vcf", VCF, "a.vcf"), ("pedigree", b"", "f.fam")], "empty_file", "pedigree"),
        ([("vcf", VCF, "a.vcf"), ("pedigree", VCF_GZ, "f.fam")], "pedigree_invalid", "pedigree"),
    ],
)
def test_a_form_that_makes_no_job(api: Api, parts: list[tuple[str, bytes, str | None]], code: str, field: str) -> None:
    answer = post_raw(api, b"".join(part(*each) for each in parts))
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
    assert api.storage_files == []
    assert api.job_count == 0


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "application/json"}, b"{}"),
        ({}, b""),
        ({"content-type": "multipart/form-data"}, b""),
        ({"content-type": "multipart/form-data; boundary=b"}, b""),
        ({"content-type": "multipart/form-data; boundary=b"}, b"not a form"),
        ({"content-type": "multipart/form-data; boundary=" + "b" * 300}, b"--b--"),
        ({"content-type": "multipart/form-data; boundary=b"}, b"--b\r\ncontent-type: a\r\n\r\nx\r\n--b--\r\n"),
        # The body stops in the middle of a file: a proxy or client cut it.
        (
            {"content-type": "multipart/form-data; boundary=b"},
            b'--b\r\ncontent-disposition: form-data; name="vcf"; filename="a.vcf"\r\n\r\n' + VCF,
        ),
    ],
)
def test_what_is_not_a_form_is_malformed(api: Api, headers: dict[str, str], body: bytes) -> None:
    answer = api.client.post("/jobs", headers=headers, content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert api.storage_files == []
    assert api.job_count == 0


def test_too_many_parts_and_too_many_files(tmp_path: Path) -> None:
    with running_api(tmp_path, uploads={"max_files": 2}) as api:
        answer = post_raw(api, part("vcf", VCF, "a.vcf") * 3)
        assert (answer.status_code, answer.json()["field"]) == (422, "vcf")
        answer = post_raw(api, part("mode", b"") * 600)
        assert answer.json()["code"] == "malformed_request"
        assert api.storage_files == []


def test_the_size_limit_holds_while_streaming_and_by_declaration(tmp_path: Path) -> None:
    with running_api(tmp_path, uploads={"max_bytes": 300_000}) as api:
        # Below the declared slack, so only counting can find it; in two files, as the limit is for all of them.
        body = part("vcf", VCF + b"#" * 200_000, "a.vcf") + part("vcf", VCF + b"#" * 200_000, "b.vcf")
        answer = post_raw(api, body)
        assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
        assert answer.json()["details"] == {"max_bytes": 300_000}
        assert api.storage_files == []
        declared = {"content-type": "multipart/form-data; boundary=b", "content-length": str(10**12)}
        answer = api.client.post("/jobs", headers=declared, content=b"--b")
        assert answer.status_code == 413
        assert api.job_count == 0


def test_a_failing_transaction_leaves_no_file(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from jobs.repository import Repository

    def fail(*_: object) -> None:
        raise RuntimeError("the database is gone: secret-address")

    monkeypatch.setattr(Repository, "create_job", fail)
    answer = api.client.post("/jobs", files={"vcf": ("a.vcf", VCF)})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret-address" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert api.storage_files == []
    assert api.rings == []


def test_a_server_without_bundles_says_so(tmp_path: Path) -> None:
    (tmp_path / "bundles").mkdir()
    with running_api(tmp_path) as api:
        answer = api.client.post("/jobs", files={"vcf": ("a.vcf", VCF)})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "bundle_not_found", "bundle")


def test_a_name_means_its_newest_bundle_and_auto_is_left_to_the_job(tmp_path: Path) -> None:
    older = write_manifest(tmp_path / "bundles", "a", "GRCh38", "2026-01-01")
    newer = write_manifest(tmp_path / "bundles", "a", "GRCh38", "2026-02-01")
    write_manifest(tmp_path / "bundles", "cattle", "ARS-UCD1.2", "2026-03-01")
    with running_api(tmp_path) as api:
        assert api.submit(build="ARS-UCD1.2")["bundle"] == "auto"
        assert api.submit(bundle="a")["bundle"] == newer
        assert api.submit(bundle=older)["bundle"] == older


def test_a_large_file_in_many_pieces_arrives_whole(api: Api) -> None:
    # Pieces end inside the boundary and inside CRLFs in one place or another.
    content = gzip.compress(VCF) + b"\r\n--b\r" * 700_000
    answer = post_raw(api, part("vcf", content, "a.vcf.gz") + part("name", b"after"))
    assert answer.json()["files"][0]["sha256"] == hashlib.sha256(content).hexdigest()
    assert answer.json()["name"] == "after"


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    """One part of a form with the boundary `boundary`."""
    file = "" if filename is None else f'; filename="{filename}"'
    head = f'--boundary\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + value + b"\r\n"


def post_raw(api: Api, parts: bytes):  # type: ignore[no-untyped-def]
    """Post the parts as they stand."""
    headers = {"content-type": "multipart/form-data; boundary=boundary"}
    return api.client.post("/jobs", headers=headers, content=parts + b"--boundary--\r\n")
