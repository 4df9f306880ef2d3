"""A stand-in for the API that serves the real pages with answers a test sets: for what a healthy server never shows."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import jinja2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

FRONTEND = Path(__file__).parents[2] / "frontend"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'"
)

Json = dict[str, Any]


def stub_job(job_id: str = "job_1", **changes: Any) -> Json:
    """A job as `GET /jobs/{id}` gives it, waiting in the queue unless changed."""
    job: Json = {
        "id": job_id, "name": "cohort", "state": "queued", "stage": "ingest", "progress": 0.0, "eta_s": None,
        "queue_position": 1, "mode": "impute", "engine": "auto", "bundle": "kgp-demo-1", "build": "auto",
        "format": "vcf.gz", "r2_min": 0.3, "strict": False, "samples": None, "sites": None, "qc": None, "error": None,
        "files": [{"filename": "cohort.vcf.gz", "size": 1_240_000, "sha256": "ab" * 32, "kind": "vcf"}],
        "created_at": "2025-11-03T09:00:00Z", "started_at": None, "finished_at": None, "expires_at": None,
        "links": {"report": None},
    }  # fmt: skip
    return job | changes


class StubServer:
    """The stand-in, on a free loopback port while its `with` block runs.

    Attributes:
        jobs: jobs by id; tests change them at will and call `ring`.
        results: result lists by job id.
        reports: JSON reports by job id.
        problem: problem+json to answer the next `POST /jobs` with, or None to accept it.
        streaming: whether event streams are served; otherwise they are refused with 503.
        down: whether every JSON call is refused, as by a proxy whose server is gone.
        submitted: names of the parts of each submission, in order.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, Json] = {}
        self.results: dict[str, list[Json]] = {}
        self.reports: dict[str, Json] = {}
        self.bundles: list[Json] = []
        self.problem: Json | None = None
        self.streaming = True
        self.down = False
        self.submitted: list[list[str]] = []
        self.streams = 0
        self._rings = 0
        self._drop = 0
        templates = jinja2.FileSystemLoader(FRONTEND / "templates")
        self._pages = jinja2.Environment(loader=templates, autoescape=True, undefined=jinja2.StrictUndefined)
        self._server = uvicorn.Server(uvicorn.Config(self._app(), log_level="error", timeout_graceful_shutdown=1))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._server.should_exit = True
        self._thread.join(10)

    @property
    def url(self) -> str:
        """Address without a slash at the end."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def ring(self) -> None:
        """Send one event on every open stream."""
        self._rings += 1

    def cut(self) -> None:
        """Break every open stream off."""
        self._drop += 1

    def _app(self) -> Starlette:
        routes = [
            Mount("/static", StaticFiles(directory=FRONTEND / "static")),
            Route("/", self._upload_page),
            Route("/bundles", lambda _: JSONResponse({"bundles": self.bundles})),
            Route("/jobs", self._submit, methods=["POST"]),
            Route("/jobs", self._list),
            Route("/jobs/{id}", self._job),
            Route("/jobs/{id}", self._delete, methods=["DELETE"]),
            Route("/jobs/{id}/events", self._events),
            Route("/jobs/{id}/results", lambda r: JSONResponse({"results": self.results.get(r.path_params["id"], [])})),
            Route("/jobs/{id}/report.json", self._report),
            Route("/jobs/{id}/{action:str}", self._act, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    def _page(self, request: Request, template: str, **context: Any) -> HTMLResponse:
        text = self._pages.get_template(template).render(request=request, **context)
        return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})

    def _upload_page(self, request: Request) -> Response:
        defaults = {"qc_call_rate": "0.9", "qc_hwe": "1e-6", "qc_af_diff": "0.3 or 0.4", "samples": "drop"}
        return self._page(request, "upload.html", limits={"max_bytes": 20_000_000_000}, defaults=defaults)

    def _list(self, request: Request) -> Response:
        if "text/html" in request.headers["accept"]:
            return self._page(request, "jobs.html")
        newest = sorted(self.jobs.values(), key=lambda job: job["created_at"], reverse=True)
        return JSONResponse({"jobs": newest, "next_cursor": None})

    def _job(self, request: Request) -> Response:
        job_id = request.path_params["id"]
        if "text/html" in request.headers["accept"]:
            return self._page(request, "job.html", job_id=job_id)
        if self.down:
            return Response("<h1>Bad gateway</h1>", 502)
        if job_id not in self.jobs:
            detail, action = f"There is no job {job_id}.", "Check the job's id."
            return self._refuse(
                {"status": 404, "code": "job_not_found", "title": "x", "detail": detail, "action": action}
            )
        return JSONResponse(self.jobs[job_id])

    def _delete(self, request: Request) -> Response:
        del self.jobs[request.path_params["id"]]
        return Response(status_code=204)

    def _act(self, request: Request) -> Response:
        job = self.jobs[request.path_params["id"]]
        job["state"] = {"cancel": "cancelled", "restart": "queued"}[request.path_params["action"]]
        return JSONResponse(job)

    def _report(self, request: Request) -> Response:
        report = self.reports.get(request.path_params["id"])
        if report is None:
            return self._refuse({"status": 409, "code": "report_not_ready", "title": "x", "detail": "Not ready."})
        return JSONResponse(report)

    async def _submit(self, request: Request) -> Response:
        form = await request.form()
        self.submitted.append([name for name, _ in form.multi_items()])
        if self.problem is not None:
            return self._refuse(self.problem)
        job_id = "job_2" if "from_job" in form else "job_1"
        self.jobs[job_id] = stub_job(job_id)
        return JSONResponse(self.jobs[job_id], 202)

    @staticmethod
    def _refuse(problem: Json) -> Response:
        return JSONResponse(problem, problem["status"], media_type="application/problem+json")

    async def _events(self, request: Request) -> Response:
        if not self.streaming:
            return Response(status_code=503)
        self.streams += 1
        return StreamingResponse(self._stream(self._rings, self._drop), media_type="text/event-stream")

    async def _stream(self, rings: int, drop: int) -> AsyncIterator[str]:
        yield "retry: 200\n\n"
        while self._drop == drop:
            if rings != self._rings:
                rings = self._rings
                yield f"id: {rings}\nevent: progress\ndata: {json.dumps({})}\n\n"
            await asyncio.sleep(0.02)
