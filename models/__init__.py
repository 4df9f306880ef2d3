"""Imputation engines, free of HTTP, Celery and the database."""

import os

# Idle OpenMP threads spin by default: two torch processes on a few cores then slow each other tenfold. It must be set
# before torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
