"""A smaller copy of a bundle: fewer bits, lower rank. The networks that run are of the same size as before."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from errors import Code, TesseraError
from genotypes.manifest import FILE_NAME, BundleManifest
from models.bundle_folder import seal
from models.dae.bundle import Bundle
from models.dae.quantise import Precision, factor, pack, unpack


def compress(
    source: Bundle,
    out: Path,
    precision: Precision,
    energy: float | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> BundleManifest:
    """Write the copy; it appears whole or not at all. Its manifest holds no accuracy until it is measured.

    Args:
        source: the bundle.
        out: folder of the copy.
        precision: of matrices.
        energy: share of the squared singular values that is kept of every matrix; None leaves the rank alone.
        progress: called with the tiles done and of all.

    Raises:
        TesseraError: `setup_invalid` when `out` exists.
    """
    if out.exists():
        raise TesseraError(Code.setup_invalid, f"{out} exists already; remove it or name another folder.")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    weights = {Path(entry.tiles_file).name for entry in source.manifest.chromosomes.values()}
    shutil.copytree(source.folder, partial, ignore=shutil.ignore_patterns(*weights, FILE_NAME))
    total = sum(len(set(source.weights(chrom))) for chrom in source.chromosomes)
    done, unpacked = 0, 0
    for entry in source.manifest.chromosomes.values():
        tensors: dict[str, Tensor] = {}
        with safe_open(source.folder / entry.tiles_file, "pt") as file:
            metadata: dict[str, str] = file.metadata()
            names = list(file.keys())
            for prefix in sorted({name.partition(".")[0] + "." for name in names}):
                held = {name.removeprefix(prefix): file.get_tensor(name) for name in names if name.startswith(prefix)}
                tensors[prefix + "inputs"] = held.pop("inputs")
                state = unpack(held)
                unpacked += 4 * sum(value.numel() for value in state.values())
                packed = pack(state if energy is None else factor(state, energy), precision)
                tensors |= {prefix + name: value.contiguous() for name, value in packed.items()}
                done += 1
                progress(done, total)
        save_file(tensors, partial / entry.tiles_file, metadata=metadata)
    how: dict[str, Any] = {"from": source.manifest.id, "weights": precision, "energy": energy}
    manifest = replace(
        source.manifest,
        architecture=source.manifest.architecture | {"weights": precision, "unpacked_bytes": unpacked},
        accuracy=[],
        training={k: v for k, v in source.manifest.training.items() if k != "privacy"} | {"compressed": how},
    )
    seal(partial, manifest)
    partial.rename(out)
    return BundleManifest.read(out)


def amend(folder: Path, change: Callable[[BundleManifest], BundleManifest]) -> BundleManifest:
    """Rewrite the manifest of a bundle folder; its id follows the content."""
    return seal(folder, change(BundleManifest.read(folder)))
