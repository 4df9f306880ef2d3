"""What `tessera peel` loads before it reads anything."""

from __future__ import annotations

import subprocess
import sys

from worker.pipeline import peel_meet, peel_run

LOADED = "import sys, worker.pipeline.peel_run; print('worker.pipeline.peel_meet' in sys.modules)"


def test_what_meets_bundles_is_loaded_only_with_one() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert peel_run._NO_BUNDLE == peel_meet.NO_BUNDLE
