"""One module for each resource; `ROUTERS` lists them in the order in which paths are tried."""

from __future__ import annotations

from api.routes import bundles, events, health, jobs, metrics, pages, report, results, service_info, submit

ROUTERS = (
    submit.router,
    pages.router,
    jobs.router,
    events.router,
    results.router,
    report.router,
    bundles.router,
    health.router,
    metrics.router,
    service_info.router,
)
