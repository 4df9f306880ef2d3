import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.support.fake_server import FakeServer, fake_server, job_json


@pytest.fixture
def fake():
    with fake_server() as running:
        yield running


def tessera(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_submit_prints_the_id_alone_on_standard_output(fake: FakeServer, tmp_path: Path) -> None:
    vcf = tmp_path / "cohort.vcf"
    vcf.write_text("##fileformat=VCFv4.2\n")
    done = tessera(
        "submit",
        vcf,
        "--server",
        fake.url,
        "--r2-min",
        "0.3",
        "--format",
        "bcf",
        "--strict",
        "--mode",
        "qc",
        "--mend",
        "swap,flip",
        "--effort",
        "thorough",
        "--qc-hwe",
        "0.001",
    )
    assert done.exit_code == 0, done.output
    assert done.stdout == "job_1\n"
    assert f"{fake.url}/jobs/job_1" in done.stderr
    body = fake.bodies[0]
    for name, value in (
        ("r2_min", "0.3"),
        ("format", "bcf"),
        ("strict", "true"),
        ("mode", "qc"),
        ("mend", "swap,flip"),
        ("effort", "thorough"),
        ("qc_hwe", "0.001"),
    ):
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in body
    assert b'name="bundle"' not in body, "what was not given is left to the server"


def test_a_check_and_its_follow_up(fake: FakeServer, tmp_path: Path) -> None:
    vcf = tmp_path / "cohort.vcf"
    vcf.write_text("##fileformat=VCFv4.2\n")
    assert tessera("submit", vcf, "--server", fake.url, "--qc").exit_code == 0
    assert b'name="mode"\r\n\r\nqc\r\n' in fake.bodies[0]
    done = tessera("submit", "--from", "job_0", "--server", fake.url, "--format", "bcf")
    assert (done.exit_code, done.stdout) == (0, "job_1\n"), done.output
    assert "multipart/form-data" in fake.requests[-1][2]["Content-Type"]
    for name, value in (("from_job", "job_0"), ("format", "bcf")):
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in fake.bodies[1]
    assert b'name="mode"' not in fake.bodies[1]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "missing_field"),
        (("FILE", "--from", "j"), "invalid_field"),
        (("FILE", "--qc", "--mode", "impute"), "inval"),
    ],
)
def test_submit_takes_files_or_an_earlier_job(
    fake: FakeServer, tmp_path: Path, words: tuple[str, ...], code: str
) -> None:
    (tmp_path / "FILE").write_text("##fileformat=VCFv4.2\n")
    done = tessera("submit", *(tmp_path / word if word == "FILE" else word for word in words), "--server", fake.url)
    assert done.exit_code == 4
    assert code in done.stderr
    assert not fake.requests


def test_submit_sends_what_a_pedigree_job_shall_write(fake: FakeServer, tmp_path: Path) -> None:
    for name, text in (
        ("a.vcf", "##fileformat=VCFv4.2\n"),
        ("p.txt", "a b c\n"),
        ("ids.txt", "a\nb\n"),
        ("m.map", "1 a 0 1\n"),
        ("f.tsv", "CHROM\n"),
    ):
        (tmp_path / name).write_text(text)
    words = ["submit", tmp_path / "a.vcf", "--pedigree", tmp_path / "p.txt", "--peel", "haplotypes,correct"]
    words += ["--map", tmp_path / "m.map", "--frequencies", tmp_path / "f.tsv"]
    done = tessera(*words, "--animals", tmp_path / "ids.txt", "--server", fake.url)
    assert done.exit_code == 0, done.output
    for name, value in (("peel", "haplotypes,correct"), ("animals", "a b")):
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in fake.bodies[0]
    for part in (b'name="map"; filename="m.map"', b'name="frequencies"; filename="f.tsv"'):
        assert part in fake.bodies[0]


def test_submit_waits_and_downloads(fake: FakeServer, tmp_path: Path) -> None:
    vcf = tmp_path / "cohort.vcf"
    vcf.write_text("##fileformat=VCFv4.2\n")
    fake.states = [job_json(), job_json("complete", 1.0)]
    fake.files = {"chr20.dose.vcf.gz": b"data", "report.json": b"{}"}
    done = tessera("submit", vcf, "--server", fake.url, "--download", "--out", tmp_path / "got")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "got" / "chr20.dose.vcf.gz").read_bytes() == b"data"
    assert (tmp_path / "got" / "report.json").read_bytes() == b"{}"


@pytest.mark.parametrize(("content", "code"), [(None, "not_found"), ("", "empty_file")])
def test_submit_refuses_what_cannot_be_sent_before_it_asks_the_server(
    fake: FakeServer, tmp_path: Path, content: str | None, code: str
) -> None:
    vcf = tmp_path / "cohort.vcf"
    if content is not None:
        vcf.write_text(content)
    done = tessera("submit", vcf, "--server", fake.url)
    assert done.exit_code == 4
    assert code in done.stderr
    assert not fake.requests


def test_a_refusal_is_a_sentence_and_an_exit_status(fake: FakeServer, tmp_path: Path) -> None:
    vcf = tmp_path / "cohort.vcf"
    vcf.write_text("hello")
    fake.refusal = (422, {"code": "not_vcf", "detail": "cohort.vcf is not a VCF.", "action": "Send a VCF."})
    done = tessera("submit", vcf, "--server", fake.url)
    assert done.exit_code == 4
    assert done.stdout == ""
    assert done.stderr == "Error: cohort.vcf is not a VCF. (not_vcf)\nWhat to do: Send a VCF.\n"


def test_no_server_is_exit_status_3() -> None:
    done = tessera("list", "--server", "http://127.0.0.1:9")
    assert done.exit_code == 3
    assert "No Tessera server answers at http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.output


def test_the_server_can_be_named_by_the_environment(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_SERVER", fake.url)
    assert "job_1" in tessera("list").stdout


def test_status_shows_state_error_and_advice(fake: FakeServer) -> None:
    error = {"code": "no_overlap", "message": "None of the 10 sites is in the bundle.", "action": "Check the build."}
    fake.states = [job_json("failed", 0.2, error=error, samples=3, sites=10)]
    shown = tessera("status", "job_1", "--server", fake.url)
    assert shown.exit_code == 0
    for words in ("failed", "20%", "3 samples, 10 sites", error["message"], error["action"]):
        assert words in shown.stdout
    assert json.loads(tessera("status", "job_1", "--json", "--server", fake.url).stdout) == fake.states[0]


def test_a_job_that_fails_is_exit_status_5_with_its_reason(fake: FakeServer) -> None:
    error = {"code": "no_gt", "message": "The file has no GT.", "action": "Export it with GT."}
    fake.states = [job_json("running"), job_json("failed", error=error)]
    done = tessera("wait", "job_1", "--server", fake.url)
    assert done.exit_code == 5
    assert "The file has no GT." in done.stderr
    assert "Export it with GT." in done.stderr


def test_a_job_that_completes_is_exit_status_0(fake: FakeServer) -> None:
    fake.states = [job_json("running"), job_json("complete", 1.0)]
    assert tessera("wait", "job_1", "--server", fake.url).exit_code == 0


def test_a_named_result_is_downloaded_alone(fake: FakeServer, tmp_path: Path) -> None:
    fake.files = {"a.txt": b"a", "b.txt": b"b"}
    done = tessera("download", "job_1", "b.txt", "--server", fake.url, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


def test_a_result_that_is_not_there_is_named_with_those_that_are(fake: FakeServer, tmp_path: Path) -> None:
    fake.files = {"a.txt": b"a"}
    done = tessera("download", "job_1", "c.txt", "--server", fake.url, "--out", tmp_path)
    assert done.exit_code == 4
    assert "'c.txt'" in done.stderr
    assert "a.txt" in done.stderr


def test_cancel_says_the_new_state(fake: FakeServer) -> None:
    done = tessera("cancel", "job_1", "--server", fake.url)
    assert done.exit_code == 0
    assert "cancelled" in done.stderr
    assert fake.requests[0][:2] == ("POST", "/jobs/job_1/cancel")


def test_list_prints_json_on_request(fake: FakeServer) -> None:
    assert json.loads(tessera("list", "--json", "--server", fake.url).stdout) == fake.states


def test_brackets_in_names_are_shown_as_they_are(fake: FakeServer) -> None:
    fake.states = [job_json(name="[red]cohort[/red]")]
    assert "[red]cohort[/red]" in tessera("status", "job_1", "--server", fake.url).stdout
    assert "[red]cohort[/red]" in tessera("list", "--server", fake.url).stdout


def test_a_wrong_option_is_exit_status_2() -> None:
    assert tessera("submit", "x.vcf", "--format", "zip").exit_code == 2


def test_the_unexpected_is_a_sentence_too(fake: FakeServer) -> None:
    fake.states = [{"no": "job"}]
    done = tessera("status", "job_1", "--server", fake.url)
    assert done.exit_code == 1
    assert "KeyError" in done.stderr
    assert "Traceback" not in done.output
