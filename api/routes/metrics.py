"""Prometheus metrics."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.deps import ServicesDep
from api.metrics import CONTENT_TYPE

router = APIRouter(tags=["service"])


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(services: ServicesDep) -> Response:
    """Return requests, upload bytes and memory of this process; jobs by state, queues and workers of the service."""
    return Response(services.metrics.render(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})
