"""Settings of every process, from `TESSERA_*` variables; unsafe values are refused in production."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from errors import Code, TesseraError
from jobs.production import unsafe_values
from jobs.slices import (
    BrokerSettings,
    BundleSettings,
    DatabaseSettings,
    Environment,
    LeaseSettings,
    PeelingSettings,
    QcSettings,
    RetentionSettings,
    SampleSettings,
    ServerSettings,
    StorageSettings,
    UploadSettings,
    WorkerSettings,
)

_Kind = TypeVar("_Kind", bound=BaseSettings)


class Settings(BaseSettings):
    """All slices. Values that are left empty are filled in below `data_dir`."""

    model_config = SettingsConfigDict(
        env_prefix="TESSERA_", env_nested_delimiter="_", env_nested_max_split=1, frozen=True, extra="forbid"
    )

    environment: Environment = "development"
    data_dir: Path = Path("var")
    chains: Path | None = None  # folder of chain files for lifting between builds, such as hg19ToHg38.over.chain.gz
    references: Path | None = None  # folder of reference genomes, such as GRCh38.fa; matches shifted indels
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    broker: BrokerSettings = Field(default_factory=BrokerSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    uploads: UploadSettings = Field(default_factory=UploadSettings)
    leases: LeaseSettings = Field(default_factory=LeaseSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    bundles: BundleSettings = Field(default_factory=BundleSettings)
    qc: QcSettings = Field(default_factory=QcSettings)
    samples: SampleSettings = Field(default_factory=SampleSettings)
    peeling: PeelingSettings = Field(default_factory=PeelingSettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment alone, without the client's `TESSERA_SERVER`: an address, not the slice of that name."""
        assert isinstance(env_settings, EnvSettingsSource)
        env_settings.env_vars = {k: v for k, v in env_settings.env_vars.items() if k.upper() != "TESSERA_SERVER"}
        return init_settings, env_settings

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        """Put what was left empty below the data folder, so that `data_dir` alone moves a whole installation."""
        folder = Path(data.get("data_dir") or "var").expanduser().resolve()
        return {
            **data,
            "data_dir": folder,
            "database": _filled(data, "database", "url", f"sqlite:///{folder}/tessera.db"),
            "broker": _filled(data, "broker", "url", f"redis+socket://{folder}/redis/redis.sock"),
            "storage": _filled(data, "storage", "url", (folder / "storage").as_uri()),
            "worker": _filled(data, "worker", "scratch", folder / "scratch"),
        }

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> Self:
        """In production, refuse the values that only suit one person's machine."""
        if self.environment == "production" and (found := unsafe_values(self.database, self.broker, self.storage)):
            raise ValueError("; ".join(found))
        return self


class QualitySettings(BaseSettings):
    """The slices that offline commands share with a server; nothing else of a server's settings can stop them."""

    model_config = SettingsConfigDict(
        env_prefix="TESSERA_", env_nested_delimiter="_", env_nested_max_split=1, frozen=True, extra="ignore"
    )

    qc: QcSettings = Field(default_factory=QcSettings)
    samples: SampleSettings = Field(default_factory=SampleSettings)


def _filled(data: dict[str, Any], name: str, field: str, value: Any) -> Any:
    """The slice `name` of the raw settings with `field` set unless it was given."""
    raw = data.get(name) or {}
    given = raw if isinstance(raw, dict) else raw.model_dump()
    return {**given, field: value} if given.get(field) in (None, "", Path()) else given


def load_settings(**values: Any) -> Settings:
    """Settings from the environment, overlaid with `values`.

    Raises:
        TesseraError: `setup_invalid`, naming each variable at fault.
    """
    return _load(Settings, values)


def load_quality() -> QualitySettings:
    """Thresholds of variant and sample QC from the environment.

    Raises:
        TesseraError: `setup_invalid`, naming each variable at fault.
    """
    return _load(QualitySettings, {})


def _load(kind: type[_Kind], values: dict[str, Any]) -> _Kind:
    try:
        return kind(**values)
    except ValidationError as error:
        faults = [_fault(tuple(fault["loc"]), fault["msg"]) for fault in error.errors()]
        raise TesseraError(Code.setup_invalid, "; ".join(faults)) from error


def _fault(location: tuple[int | str, ...], message: str) -> str:
    """One sentence about one fault, starting with the variable's name."""
    message = message.removeprefix("Value error, ")
    variable = "_".join(["TESSERA", *(str(part).upper() for part in location)])
    return f"{variable}: {message}" if location else message


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()
