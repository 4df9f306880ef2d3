"""Liveness and readiness."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fastapi import APIRouter, Response

from api.deps import ServicesDep
from api.schemas.service import Alive, Check, Readiness
from api.services import Services

log = logging.getLogger("tessera.api")

router = APIRouter(tags=["service"])


@router.get("/healthz", summary="Liveness")
async def healthz() -> Alive:
    """Say that the process runs; asks nothing of anybody."""
    return Alive(status="ok")


@router.get("/readyz", summary="Readiness", responses={503: {"model": Readiness}})
def readyz(services: ServicesDep, response: Response) -> Readiness:
    """Say whether database, broker and storage answer; 503 when one of them does not."""
    checks = {
        "database": _check("database", lambda: _database(services)),
        "broker": _check("broker", lambda: _broker(services)),
        "storage": _check("storage", lambda: _storage(services)),
    }
    ready = all(check.ok for check in checks.values())
    response.status_code = 200 if ready else 503
    response.headers["Cache-Control"] = "no-store"
    return Readiness(status="ok" if ready else "unavailable", checks=checks)


def _check(name: str, ask: Callable[[], None]) -> Check:
    try:
        ask()
    except Exception as problem:
        # The reason may hold addresses and users, so it goes to the log and not to whoever asks.
        log.warning("%s is not ready: %s", name, problem)
        return Check(ok=False, detail="does not answer")
    return Check(ok=True, detail="answers")


def _database(services: Services) -> None:
    with services.reading() as repository:
        repository.count_by_state()


def _broker(services: Services) -> None:
    from jobs import doorbell

    if doorbell.backlog(services.settings, "cpu") is None:
        raise ConnectionError("the broker is not reachable")


def _storage(services: Services) -> None:
    try:
        services.storage.stat("readiness-probe")
    except KeyError:
        return  # storage looked and found nothing, which is all that was asked
