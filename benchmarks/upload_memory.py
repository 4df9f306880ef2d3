"""How much memory the API takes while a large file arrives: `python -m benchmarks.upload_memory [--mib 1024]`.

Starts one API process as it runs in production (uvicorn, SQLite, a local folder) on a free port, sends it a VCF of the
size by `curl -F vcf=@FILE`, and reads its resident memory from /proc: idle, and the peak that the kernel recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from genotypes.manifest import BundleManifest, ChromosomeEntry

LIMIT_MIB = 150.0
_HEADER = b"##fileformat=VCFv4.2\n##contig=<ID=20>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
_RECORD = b"20\t1000\t.\tA\tC\t.\tPASS\t.\tGT\t0/1\n"


@dataclass(frozen=True)
class Measurement:
    """What one upload took.

    Attributes:
        upload_mib: size of the file.
        idle_mib: resident memory before the upload.
        peak_mib: highest resident memory up to the end of the upload.
        seconds: from curl's start to its end.
        status: HTTP status of the answer.
    """

    upload_mib: int
    idle_mib: float
    peak_mib: float
    seconds: float
    status: int


def measure(upload_mib: int, folder: Path) -> Measurement:
    """Upload a file to a fresh API process.

    Args:
        upload_mib: size of the file in MiB.
        folder: empty folder for the file, the database and the storage; needs twice the size.

    Returns:
        The process's memory before and at its peak.
    """
    big = folder / "big.vcf"
    _write_vcf(big, upload_mib)
    with _server(folder) as (pid, port):
        idle = _memory_mib(pid, "VmRSS")
        started = time.perf_counter()
        answer = subprocess.run(
            ["curl", "-sS", "-o", os.devnull, "-w", "%{json}", "-F", f"vcf=@{big}", f"http://127.0.0.1:{port}/jobs"],
            check=True,
            capture_output=True,
        )
        seconds = time.perf_counter() - started
        # VmHWM is the kernel's own record of the peak, so no sample can miss it.
        peak = _memory_mib(pid, "VmHWM")
    return Measurement(upload_mib, idle, peak, seconds, json.loads(answer.stdout)["http_code"])


def main() -> None:
    """Measure, print, and fail when the peak is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of the upload")
    size = parser.parse_args().mib
    with tempfile.TemporaryDirectory(prefix="tessera-upload-") as folder:
        found = measure(size, Path(folder))
    print(
        f"upload {found.upload_mib} MiB: HTTP {found.status} in {found.seconds:.1f} s "
        f"({found.upload_mib / found.seconds:.0f} MiB/s); "
        f"resident {found.idle_mib:.0f} MiB idle, {found.peak_mib:.0f} MiB peak (limit {LIMIT_MIB:.0f})"
    )
    sys.exit(found.status != 202 or found.peak_mib > LIMIT_MIB)


def _write_vcf(path: Path, mib: int) -> None:
    block = _RECORD * ((1 << 20) // len(_RECORD))
    with path.open("wb") as out:
        out.write(_HEADER)
        while out.tell() < mib << 20:
            out.write(block)


def _write_bundle(folder: Path) -> None:
    entry = ChromosomeEntry(1, 1, 1, 1000, 1000, None, "sites.bcf", "tiles.safetensors")
    manifest = BundleManifest("none", "1", "Homo sapiens", "GRCh37", {"20": entry}, {}, "CC0-1.0", {}, {})
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest.to_json())


@contextmanager
def _server(folder: Path) -> Iterator[tuple[int, int]]:
    """An API process of its own; its pid and port."""
    _write_bundle(folder / "bundles" / "none")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "TESSERA_DATA_DIR": str(folder / "data"),
        "TESSERA_BUNDLES_DIR": str(folder / "bundles"),
        "TESSERA_SERVER_PORT": str(port),
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
    }
    upgrade = (
        "from jobs.database import upgrade; from jobs.settings import get_settings as s; upgrade(s().database.url)"
    )
    subprocess.run([sys.executable, "-c", upgrade], check=True, env=environment)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "api"], env=environment, stdout=log, stderr=log)
    try:
        _wait_for(port, process, folder / "server.log")
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"the API ended:\n{log.read_text()}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError("the API did not start")


def _memory_mib(pid: int, field: str) -> float:
    """A memory field of /proc/PID/status, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field} for process {pid}")


if __name__ == "__main__":
    if shutil.which("curl") is None:
        sys.exit("curl is not installed")
    main()
