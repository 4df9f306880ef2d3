"""The upload page and the API's documentation. The pages of jobs share their paths with the JSON, in `routes.jobs`."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from api.deps import RootDep, ServicesDep
from api.pages import render
from genotypes.mending import AF_DIFF, AF_DIFF_NEAR, QC_FIELDS
from jobs.settings import Settings

router = APIRouter(include_in_schema=False)

# Swagger UI from our own folder, as a firewall may hide the usual CDN; started by a file, as no inline script may run.
_DOCS = """<!doctype html>
<html lang="en" data-root="{root}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tessera API</title>
<link rel="icon" href="{root}/static/vendor/swagger-ui/favicon-32x32.png">
<link rel="stylesheet" href="{root}/static/vendor/swagger-ui/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{root}/static/vendor/swagger-ui/swagger-ui-bundle.js"></script>
<script src="{root}/static/vendor/swagger-ui/start.js"></script>
</body>
</html>
"""


@router.get("/")
def upload_page(request: Request, services: ServicesDep) -> HTMLResponse:
    """Show the form for a new job."""
    settings = services.settings
    limits = {"max_bytes": settings.uploads.max_bytes, "max_files": settings.uploads.max_files}
    days = settings.retention.days
    return render(request, "upload.html", limits=limits, retention_days=days, defaults=form_defaults(settings))


def form_defaults(settings: Settings) -> dict[str, str]:
    """What this server takes for the options whose defaults its operator may set, as text."""
    shares = {name: getattr(settings.qc, name.removeprefix("qc_")) for name in QC_FIELDS}
    texts = {name: f"{value:g}".replace("e-0", "e-") for name, value in shares.items() if value is not None}
    # Left open, the difference in frequency goes by what the bundle holds.
    by_bundle = {"qc_af_diff": f"{AF_DIFF_NEAR:g} or {AF_DIFF:g}"}
    return by_bundle | texts | {"samples": settings.samples.action}


@router.get("/docs")
def docs_page(root: RootDep) -> HTMLResponse:
    """Show the API's documentation."""
    return HTMLResponse(_DOCS.format(root=root))
