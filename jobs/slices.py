"""The slices of the settings: one small model per subject, each read from variables `TESSERA_<SLICE>_<FIELD>`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

SHIPPED_BUNDLES = Path(__file__).resolve().parents[1] / "bundles"

MIB = 1 << 20
GIB = 1 << 30


class Slice(BaseModel):
    """Base of the slices: frozen, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(Slice):
    """Where jobs are kept."""

    url: str = ""  # sqlite:///FILE or postgresql://...; empty: tessera.db in the data folder
    pool_size: int = Field(default=10, ge=1)  # connections a process keeps open on PostgreSQL


class BrokerSettings(Slice):
    """The doorbell between API and workers."""

    url: str = ""  # redis://..., redis+socket:///PATH; empty: the embedded Redis of the data folder


class StorageSettings(Slice):
    """Where uploads, chunks and results lie."""

    url: str = ""  # file:///FOLDER or s3://BUCKET/PREFIX; empty: storage/ in the data folder
    endpoint: str | None = None  # of an S3 store that is not Amazon's
    presign_endpoint: str | None = None  # the same store as browsers reach it
    region: str | None = None
    access_key: str | None = None  # None: boto3's own chain (instance roles, AWS_* variables)
    secret_key: SecretStr | None = None
    presign: bool = True  # send browsers straight to the store for downloads


class UploadSettings(Slice):
    """Limits of what is taken in."""

    max_bytes: int = Field(default=100 * GIB, gt=0)  # of one upload as sent
    max_expanded_bytes: int = Field(default=2048 * GIB, gt=0)  # of one file when inflated
    max_line_bytes: int = Field(default=64 * MIB, gt=0)  # of one line of VCF text
    max_files: int = Field(default=64, gt=0)
    abandoned_hours: float = Field(default=24, gt=0)  # what a killed process left of an upload goes after so long


class LeaseSettings(Slice):
    """How lost work is found again."""

    seconds: float = Field(default=60, gt=0)  # a worker that is silent for so long has lost its row
    sweep_seconds: float = Field(default=30, gt=0)  # between two looks for lost rows
    max_attempts: int = Field(default=3, ge=1)


class WorkerSettings(Slice):
    """How a worker works."""

    scratch: Path = Path()  # local disk for one chunk at a time; empty: scratch/ in the data folder
    threads: int = Field(default=0, ge=0)  # of one task; 0: all cores
    tile_batch: int = Field(default=1, ge=1)  # tiles to a chunk
    sample_batch: int = Field(default=10_000, ge=1)  # samples to a chunk
    device: str = "auto"  # auto, cpu, cuda, cuda:1
    impute_queue: Literal["cpu", "gpu"] = "cpu"  # where chunks are queued: gpu when workers of that queue run
    engine: str = "worker.engine_dae"  # plug-in point: a module, see worker.bundles.Engine

    @property
    def thread_count(self) -> int:
        """Threads of one task."""
        return self.threads or len(os.sched_getaffinity(0))


class BundleSettings(Slice):
    """Which models there are."""

    dir: Path = SHIPPED_BUNDLES


CheckAction = Literal["flag", "drop"]


class SampleSettings(Slice):
    """Sample QC: limits, and what happens to a sample that fails a check; see `worker.pipeline.sample_policy`."""

    action: CheckAction = "drop"  # flag: no sample is dropped, whatever the checks below say
    call_rate: CheckAction = "drop"
    heterozygosity: CheckAction = "flag"
    sex_mismatch: CheckAction = "flag"
    duplicates: CheckAction = "flag"
    relatives: CheckAction = "flag"
    min_call_rate: float = Field(default=0.5, ge=0, le=1)  # of the sites used
    deviations: float = Field(default=3, gt=0)  # of heterozygosity from the mean
    female_f: float = Field(default=0.2, ge=-1, le=1)  # F on X below which a sample is female
    male_f: float = Field(default=0.8, ge=-1, le=1)  # and above which it is male
    min_concordance: float = Field(default=0.98, ge=0, le=1)  # equal genotypes of duplicates
    kinship_sites: int = Field(default=20_000, ge=64)  # sites at most that kinship is estimated from


class QcSettings(Slice):
    """Thresholds of variant QC where a job gives none; see `genotypes.mending.QcOptions`."""

    call_rate: float = Field(default=0.9, ge=0, le=1)  # lowest share of samples called; 0: any
    hwe: float = Field(default=1e-6, ge=0, le=1)  # lowest mid-p of Hardy-Weinberg proportions; 0: any
    af_diff: float | None = Field(default=None, ge=0, le=1)  # largest difference in frequency; 1: any
    af_chisq: float = Field(default=300, ge=0)  # chi-square that such a difference must have too


class PeelingSettings(Slice):
    """How pedigrees are peeled."""

    maps: Path | None = None  # folder of genetic maps: GRCh38/chr20.map, one folder a build; without one 1 cM/Mb
    cycles: int = Field(default=10, ge=1)  # rounds of peeling and smoothing
    checkpoint_seconds: float = Field(
        default=60, ge=0
    )  # between two checkpoints of a chromosome's cycles at least; 0: each
    checkpoint_bytes: int = Field(default=2 << 30, ge=0)  # a larger state is not kept; 0 keeps none


class ServerSettings(Slice):
    """Where the API listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str | None = None  # as users reach it, when a proxy stands before the API


class RetentionSettings(Slice):
    """How long an ended job is kept."""

    days: float = Field(default=7, gt=0)


Environment = Literal["development", "production"]
