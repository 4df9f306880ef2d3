import json
import sys
from pathlib import Path

import pysam
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.support.bundles import EVERY, SITES, tiny_library


def impute(*words: object) -> Result:
    return CliRunner().invoke(app, ["impute", *map(str, words)])


@pytest.mark.parametrize("name", ["imputed.vcf.gz", "imputed.bcf"])
def test_local_files_are_imputed_without_a_server(upload: Path, bundles: Path, tmp_path: Path, name: str) -> None:
    done = impute(upload, "-b", bundles / "tiny", "-o", tmp_path / name, "--report", tmp_path / "report", "-t", 1)
    assert done.exit_code == 0, done.output
    assert f"20 samples, {SITES} sites ({SITES // EVERY} typed, {SITES - SITES // EVERY} imputed)" in done.stdout
    assert str(tmp_path / name) in done.stdout
    with pysam.VariantFile(str(tmp_path / name)) as given, pysam.VariantFile(str(upload)) as sent:
        sites = list(given)
        observed = {record.pos: [call["GT"] for call in record.samples.values()] for record in sent}
    assert len(sites) == SITES
    for record in sites:
        if record.pos in observed:
            assert [sorted(call["GT"]) for call in record.samples.values()] == [
                sorted(gt) for gt in observed[record.pos]
            ]
        assert all(0 <= call["DS"] <= 2 for call in record.samples.values())
    assert (tmp_path / "report" / "report.html").exists()


def test_a_bundle_can_be_named(upload: Path, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_BUNDLES_DIR", str(bundles))
    assert impute(upload, "-b", "tiny", "-o", tmp_path / "x.vcf.gz", "-t", 1).exit_code == 0


def test_a_bundle_that_is_not_there_is_a_sentence(upload: Path, tmp_path: Path) -> None:
    done = impute(upload, "-b", tmp_path / "none", "-o", tmp_path / "x.vcf.gz")
    assert done.exit_code == 4
    assert "bundle_not_found" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_input_is_a_sentence_and_leaves_nothing(bundles: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.vcf"
    bad.write_text("hello\n")
    done = impute(bad, "-b", bundles / "tiny", "-o", tmp_path / "x.vcf.gz", "-t", 1)
    assert done.exit_code == 4
    assert "not_vcf" in done.stderr
    assert list(tmp_path.iterdir()) == [bad]


def test_a_missing_file_is_named(bundles: Path, tmp_path: Path) -> None:
    done = impute(tmp_path / "none.vcf", "-b", bundles / "tiny", "-o", tmp_path / "x.vcf.gz")
    assert done.exit_code == 4
    assert "none.vcf" in done.stderr


def test_an_installation_without_pytorch_says_so(
    upload: Path, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("worker", "models"))]:
        monkeypatch.delitem(sys.modules, name)

    class NoTorch:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "torch":
                raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(sys, "meta_path", [NoTorch(), *sys.meta_path])
    for name in [name for name in sys.modules if name == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    done = impute(upload, "-b", bundles / "tiny", "-o", tmp_path / "x.vcf.gz")
    assert done.exit_code == 1
    assert "PyTorch" in done.stderr


def test_mending_can_be_switched_off(upload: Path, bundles: Path, tmp_path: Path) -> None:
    words = ("-b", bundles / "tiny", "-t", 1, "--report", tmp_path / "report", "--mend", "flip", "--qc-hwe", "0.5")
    assert impute(upload, "-o", tmp_path / "x.vcf.gz", *words).exit_code == 0
    qc = json.loads((tmp_path / "report" / "qc.json").read_text())
    assert (qc["mend"], qc["thresholds"]["hwe"]) == ("flip", 0.5)
    assert any(note["code"] == "hwe" for note in qc["notes"])


def test_a_mending_that_is_none_is_a_sentence(upload: Path, bundles: Path, tmp_path: Path) -> None:
    done = impute(upload, "-b", bundles / "tiny", "-o", tmp_path / "x.vcf.gz", "--mend", "sort")
    assert done.exit_code == 4
    assert "'sort'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_population_that_the_bundle_lacks_is_a_sentence(upload: Path, bundles: Path, tmp_path: Path) -> None:
    done = impute(upload, "-b", bundles / "tiny", "-o", tmp_path / "x.vcf.gz", "--population", "EUR")
    assert done.exit_code == 4
    assert "no population 'EUR'" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_chosen_and_files_are_only_checked(
    upload: Path, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESSERA_BUNDLES_DIR", str(bundles))
    done = impute(upload, "--qc", "-o", tmp_path / "checked", "-t", 1)
    assert done.exit_code == 0, done.output
    assert "was chosen from" in done.stderr
    names = {path.name for path in (tmp_path / "checked").iterdir()}
    assert {"report.html", "report.json", "qc.json"} < names
    assert not [name for name in names if ".dose." in name]
    refused = impute(upload, "--qc", "-o", tmp_path / "x.vcf.gz", "-t", 1)
    assert (refused.exit_code, (tmp_path / "x.vcf.gz").exists()) == (4, False)


def test_effort_is_recorded_in_header_and_report(upload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tiny_library(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tessera", "impute", "--effort", "thorough"])
    made = {}
    for effort in ("fast", "thorough"):
        out, report = tmp_path / f"{effort}.vcf.gz", tmp_path / effort
        done = impute(upload, "-b", bundle, "-o", out, "--report", report, "--effort", effort, "-t", 1)
        assert done.exit_code == 0, done.output
        assert json.loads((report / "report.json").read_text())["job"]["effort"] == effort
        assert f"effort {effort}" in (report / "report.html").read_text()
        with pysam.VariantFile(str(out)) as given:
            assert "--effort thorough" in str(given.header)
            made[effort] = [call["DS"] for record in given for call in record.samples.values()]
    assert made["fast"] != made["thorough"]
