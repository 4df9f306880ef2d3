"""Genotypes in and out: VCF and BCF, site lists, genetic maps, quality control; numpy arrays, no torch."""

import os

# Idle threads of numpy's linear algebra spin for 2^26 cycles after every product by default, on cores that others want.
# It must be set before numpy is first imported.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "14")
