import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.support.bundles import SITES


@pytest.mark.slow
def test_the_demo_imputes_its_example_over_http_and_ends(upload: Path, bundles: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="tes-") as folder:
        env = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")}
        env |= {"TESSERA_BUNDLES_DIR": str(bundles), "TESSERA_SERVER_PORT": "18000", "TESSERA_WORKER_THREADS": "1"}
        argv = [sys.executable, "-m", "cli", "demo", "--once", "--example", str(upload), "--data-dir", folder]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        assert f"20 samples, {SITES} sites" in done.stdout
        assert "mean R2" in done.stdout
        assert "Page: http://127.0.0.1:18" in done.stdout
        assert "complete (100%)" in done.stderr
        assert done.stderr.rstrip().endswith("Stopped.")
        results = next((Path(folder) / "demo").iterdir())
        assert {"chr20.dose.vcf.gz", "chr20.dose.vcf.gz.tbi", "report.html"} <= {
            path.name for path in results.iterdir()
        }


def test_a_missing_example_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["demo", "--example", str(tmp_path / "none.vcf"), "--data-dir", str(tmp_path / "var")]
    )
    assert done.exit_code == 4
    assert "none.vcf" in done.stderr
    assert not (tmp_path / "var").exists()
