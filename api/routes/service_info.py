"""GA4GH service-info."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.deps import RootDep, ServicesDep
from api.schemas.service import Organization, ServiceInfo, ServiceType
from api.version import software_version

router = APIRouter(tags=["service"])


@router.get("/service-info", summary="GA4GH service-info")
def service_info(request: Request, services: ServicesDep, root: RootDep) -> ServiceInfo:
    """Describe the service as GA4GH's service-info 1.0 asks, with this server's limits."""
    settings = services.settings
    base = (settings.server.public_url or f"{request.url.scheme}://{request.url.netloc}{root}").rstrip("/")
    version = software_version()
    return ServiceInfo(
        id="org.tessera.imputation",
        name="Tessera",
        type=ServiceType(group="org.tessera", artifact="imputation", version="1.0.0"),
        description="Open genotype-imputation server.",
        organization=Organization(name="Tessera", url=base),
        documentationUrl=f"{base}/docs",
        environment=settings.environment,
        version=version,
        tessera={
            "max_upload_bytes": settings.uploads.max_bytes,
            "max_files": settings.uploads.max_files,
            "retention_days": settings.retention.days,
        },
    )
