"""An upload with every kind of mending, for the report's tests."""

from __future__ import annotations

import numpy as np

from tests.support.fake_engine import FakeBundle, make_sites
from tests.support.uploads import Upload, make_upload

BUNDLE = FakeBundle({"20": make_sites("20", 150), "X": make_sites("X", 60, seed=2)}, length=None)


def messy_upload(seed: int, samples: int = 9) -> Upload:
    """Two chromosomes; some sites with swapped alleles, on the other strand, foreign, or uncalled in many."""
    rng = np.random.default_rng(seed)
    parts = [make_upload(BUNDLE.sites(name), samples, every=2, seed=seed) for name in ("20", "X")]
    upload = Upload(*([], [], [], [], []), samples=parts[0].samples, contigs=None)
    for part in parts:
        for name in ("chrom", "pos", "ref", "alt", "gts"):
            getattr(upload, name).extend(getattr(part, name))
    other = str.maketrans("ACGT", "TGCA")
    for row in range(len(upload.pos)):
        kind = rng.random()
        if kind < 0.15:
            upload.ref[row], upload.alt[row] = upload.alt[row], upload.ref[row]
        elif kind < 0.3 and len(upload.alt[row]) == len(upload.ref[row]) == 1:
            upload.ref[row], upload.alt[row] = upload.ref[row].translate(other), upload.alt[row].translate(other)
        elif kind < 0.4:
            upload.pos[row] += 3
        elif kind < 0.5:
            upload.gts[row] = ["./." if rng.random() < 0.6 else gt for gt in upload.gts[row]]
    return upload
