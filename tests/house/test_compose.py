"""The compose file: valid by the specification's own schema, complete, and free of secrets."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SECRETS = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text())


def test_the_file_follows_the_specification(compose: dict[str, Any]) -> None:
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(compose))
    assert not [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


def test_the_schema_would_notice_a_mistake(compose: dict[str, Any]) -> None:
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
    broken = compose | {"services": {"api": {"imagee": "x"}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(broken)


def test_all_services_are_there(compose: dict[str, Any]) -> None:
    expected = {"api", "worker-cpu", "worker-gpu", "migrate", "postgres", "redis", "s3"}
    assert set(compose["services"]) == expected
    assert compose["services"]["worker-gpu"]["profiles"] == ["gpu"]
    devices = compose["services"]["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]


def test_whatever_runs_on_has_a_health_check(compose: dict[str, Any]) -> None:
    lasting = {name: service for name, service in compose["services"].items() if name != "migrate"}
    assert not [name for name, service in lasting.items() if "healthcheck" not in service]


def test_everything_of_ours_waits_for_the_migration(compose: dict[str, Any]) -> None:
    for name in ("api", "worker-cpu", "worker-gpu"):
        needs = compose["services"][name]["depends_on"]
        assert needs["migrate"]["condition"] == "service_completed_successfully"
        assert needs["postgres"]["condition"] == "service_healthy"


def test_named_volumes_are_declared_and_used(compose: dict[str, Any]) -> None:
    used = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
        if re.match(r"[a-z]", volume)
    }
    assert used == set(compose["volumes"])


def test_secrets_come_from_outside_and_are_demanded() -> None:
    text = COMPOSE.read_text()
    named = set(re.findall(r"\$\{([A-Z0-9_]+):\?", text))
    assert named == SECRETS
    for name in SECRETS:
        assert not re.search(rf"\$\{{{name}(?!:\?)", text), f"{name} must be written as ${{{name}:?...}} everywhere"
    example = (ROOT / ".env.example").read_text()
    for name in SECRETS:
        assert re.search(rf"^{name}=$", example, flags=re.M), f".env.example must name {name} and leave it empty"


def test_only_the_api_is_reachable_from_outside(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["api"]


def test_the_settings_are_those_that_the_service_reads(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobs.settings import load_settings

    values = dict.fromkeys(SECRETS, "a1b2c3d4e5f6a7b8")

    def fill(text: str) -> str:
        text = re.sub(r"\$\{([A-Z0-9_]+):\?[^}]*\}", lambda match: values[match[1]], text)
        return re.sub(r"\$\{[A-Z0-9_]+:-([^}]*)\}", r"\1", text)

    for name in ("api", "worker-cpu", "worker-gpu", "migrate"):
        for variable, value in compose["services"][name]["environment"].items():
            if value is not None:
                monkeypatch.setenv(variable, fill(str(value)))
        settings = load_settings()
        assert settings.environment == "production"
        assert settings.storage.url == "s3://tessera"
        assert settings.storage.presign is False
        assert settings.database.url.startswith("postgresql://tessera:a1b2")


def test_both_images_are_built_from_the_dockerfile(compose: dict[str, Any]) -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(), flags=re.M))
    targets = {service["build"]["target"] for service in compose["services"].values() if "build" in service}
    assert targets == {"api", "worker"}
    assert targets <= stages


def test_the_image_installs_by_the_shared_scripts_alone() -> None:
    runs = re.findall(r"^RUN (.*(?:\\\n.*)*)", (ROOT / "Dockerfile").read_text(), flags=re.M)
    assert runs
    assert not [run for run in runs if re.search(r"\b(pip|apt-get|apt)\b", run)]
    assert [run for run in runs if "bin/setup" in run]
    assert [run for run in runs if "bin/debian" in run]


def test_docker_compose_itself_accepts_the_file(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode != 0
    ):
        return  # an extra look where the client is there; the schema above is the test
    env = tmp_path / "env"
    env.write_text("".join(f"{name}=a1b2c3\n" for name in SECRETS))
    command = [docker, "compose", "--env-file", str(env), "--file", str(COMPOSE), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
