"""A small HTTP server that speaks the part of the contract that the client needs, and fails on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class FakeServer:
    """State that tests set up and look at."""

    url: str = ""
    states: list[dict[str, Any]] = field(
        default_factory=list
    )  # one is used up by each GET of the job; the last one stays
    files: dict[str, bytes] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)  # one is used up by each GET of the event stream
    refusal: tuple[int, dict[str, Any]] | None = None  # the answer to every POST
    break_after: list[int] = field(default_factory=list)  # bytes after which the next downloads break off
    wrong_sha256: bool = False
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def job(self) -> dict[str, Any]:
        """The job as the next GET shows it."""
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def results(self) -> list[dict[str, Any]]:
        """The listing of the files."""
        return [
            {
                "name": name,
                "size": len(data),
                "sha256": "0" * 64 if self.wrong_sha256 else hashlib.sha256(data).hexdigest(),
                "href": f"/jobs/job_1/results/{name}",
            }
            for name, data in self.files.items()
        ]


def job_json(state: str = "queued", progress: float = 0.0, **more: Any) -> dict[str, Any]:
    """JSON of the job `job_1`."""
    return {
        "id": "job_1",
        "name": "cohort",
        "state": state,
        "progress": progress,
        "links": {"page": "/jobs/job_1"},
        **more,
    }


@contextmanager
def fake_server() -> Iterator[FakeServer]:
    """Run the server on a free port."""
    fake = FakeServer(states=[job_json()])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._note()
            path = self.path.split("?")[0]
            if path == "/jobs":
                self._send(200, {"jobs": [fake.states[0]], "next_cursor": None})
            elif path == "/jobs/job_1":
                self._send(200, fake.job())
            elif path == "/jobs/job_1/results":
                self._send(200, {"results": fake.results()})
            elif path == "/jobs/job_1/events":
                self._send_raw(200, (fake.events.pop(0) if fake.events else "").encode(), "text/event-stream")
            elif path.startswith("/jobs/job_1/results/"):
                self._download(fake.files[path.rsplit("/", 1)[1]])
            else:
                self._send(404, {"code": "job_not_found", "detail": "There is no such job.", "action": "Look again."})

        def do_POST(self) -> None:
            self._note()
            fake.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            if fake.refusal is not None:
                self._send(*fake.refusal)
            elif self.path == "/jobs/job_1/cancel":
                self._send(200, job_json("cancelled"))
            else:
                self._send(202, fake.job())

        def _download(self, data: bytes) -> None:
            wanted = self.headers.get("Range")
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            if fake.break_after:
                self.wfile.write(data[start : start + fake.break_after.pop(0)])
                self.wfile.flush()
                self.close_connection = True
                return
            self.wfile.write(data[start:])

        def _note(self) -> None:
            fake.requests.append((self.command, self.path, dict(self.headers)))

        def _send(self, status: int, body: Any) -> None:
            kind = "application/problem+json" if status >= 400 else "application/json"
            self._send_raw(status, json.dumps(body).encode(), kind)

        def _send_raw(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
