import json
import subprocess
import sys
from pathlib import Path

from tests.support.bundles import tiny_library

RUN = """
import json, sys
from cli.main import app
try:
    app(sys.argv[1:])
finally:
    # A module that waits to be used (`cli.lazy`) is there, but not loaded.
    ran = {name.split(".")[0] for name, module in sys.modules.items() if type(module).__name__ != "_LazyModule"}
    print(json.dumps(sorted(ran)), file=sys.stderr)
"""
HEAVY = {"torch", "sqlalchemy", "fastapi", "celery", "boto3", "redis", "jinja2", "scipy", "pandas", "sympy"}


def test_imputing_from_haplotypes_imports_nothing_heavy_that_it_does_not_need(upload: Path, tmp_path: Path) -> None:
    words = ["impute", upload, "-b", tiny_library(tmp_path), "-o", tmp_path / "x.vcf.gz", "-t", 1]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, words)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.vcf.gz.tbi").exists()
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "numba" in loaded
    assert not loaded & HEAVY
