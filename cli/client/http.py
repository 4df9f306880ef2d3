"""`Client`: one method for each call of the HTTP interface that the command line needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from cli.client.events import parse_events
from cli.client.models import Event, Job, Result
from cli.client.problems import plain_network_errors, raise_for_problem
from cli.client.upload import CountedFile
from cli.lazy import lazily
from cli.version import software_version
from errors import Code, TesseraError

if TYPE_CHECKING:
    import httpx
else:
    httpx = lazily("httpx")

DEFAULT_SERVER = "http://127.0.0.1:8000"
CONNECT_S = 5.0
READ_S = 60.0
EVENT_SILENCE_S = 30.0  # longer than the pause between two keep-alive comments of the event stream


class Client:
    """A connection to one server; use it as a context manager."""

    def __init__(self, server: str = DEFAULT_SERVER, *, transport: httpx.BaseTransport | None = None) -> None:
        """Make a client; nothing is sent yet. `transport` replaces the network in tests."""
        self.server = server.rstrip("/")
        with plain_network_errors(self.server):
            self._http = httpx.Client(
                base_url=self.server,
                timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
                headers={"User-Agent": f"tessera-cli/{software_version()}", "Accept": "application/json"},
                follow_redirects=True,
                transport=transport,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def submit(
        self,
        files: Sequence[Path],
        fields: Mapping[str, str],
        *,
        pedigree: Path | None = None,
        maps: Sequence[Path] = (),
        frequencies: Path | None = None,
        on_bytes: Callable[[int], None] = lambda count: None,
    ) -> Job:
        """Upload files as one job; they are streamed, never held in memory.

        Args:
            files: the VCF or BCF files; none when the field `from_job` names an earlier upload.
            fields: form fields as they are sent.
            pedigree: pedigree file, if any.
            maps: genetic maps of a job with a pedigree.
            frequencies: of its metafounders, if known.
            on_bytes: called with the size in bytes of each piece that was handed to the network.
        """
        with ExitStack() as stack:
            parts: list[tuple[str, Any]] = []
            others = [*([("pedigree", pedigree)] if pedigree else []), *(("map", path) for path in maps)]
            others += [("frequencies", frequencies)] if frequencies else []
            for name, path in [*(("vcf", path) for path in files), *others]:
                handle = stack.enter_context(path.open("rb"))
                parts.append((name, (path.name, CountedFile(handle, on_bytes), "application/octet-stream")))
            if not parts:
                # Without a file part httpx would not send multipart/form-data.
                parts, fields = [(name, (None, value)) for name, value in fields.items()], {}
            # No time limit on reading: the server answers when the last byte is stored, which may take its time.
            timeout = httpx.Timeout(None, connect=CONNECT_S)
            return Job.from_json(self._json("POST", "/jobs", data=dict(fields), files=parts, timeout=timeout))

    def job(self, job_id: str) -> Job:
        """The job as it is now."""
        return Job.from_json(self._json("GET", f"/jobs/{quote(job_id, safe='')}"))

    def jobs(self, *, cursor: str | None = None, limit: int | None = None) -> tuple[list[Job], str | None]:
        """One page of the list of jobs, newest first, and the cursor of the next page."""
        wanted = {"cursor": cursor, "limit": limit}
        page = self._json("GET", "/jobs", params={k: v for k, v in wanted.items() if v is not None})
        return [Job.from_json(one) for one in page["jobs"]], page.get("next_cursor")

    def cancel(self, job_id: str) -> Job:
        """Cancel the job."""
        return Job.from_json(self._json("POST", f"/jobs/{quote(job_id, safe='')}/cancel"))

    def results(self, job_id: str) -> list[Result]:
        """The files that are there to download."""
        listing = self._json("GET", f"/jobs/{quote(job_id, safe='')}/results")
        return [Result.from_json(one) for one in listing["results"]]

    def ready(self) -> bool:
        """Whether a server answers and says that it is ready."""
        try:
            return self._http.get("/readyz", timeout=CONNECT_S).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def events(self, job_id: str, last_id: str | None = None) -> Iterator[Event]:
        """Events of a job after `last_id`, until the server closes the stream.

        Raises:
            TesseraError: `server_unreachable` when the stream breaks or is silent for too long.
        """
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        timeout = httpx.Timeout(EVENT_SILENCE_S, connect=CONNECT_S)
        with self.stream(f"/jobs/{quote(job_id, safe='')}/events", headers=headers, timeout=timeout) as response:
            yield from parse_events(response.iter_lines())

    @contextmanager
    def stream(
        self, path: str, *, headers: Mapping[str, str] | None = None, timeout: httpx.Timeout | None = None
    ) -> Iterator[httpx.Response]:
        """GET a path and hand out the response before its body is read."""
        with (
            plain_network_errors(self.server),
            self._http.stream("GET", path, headers=headers, timeout=timeout or self._http.timeout) as response,
        ):
            if response.status_code >= 400:
                response.read()
                raise_for_problem(response)
            yield response

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        with plain_network_errors(self.server):
            response = self._http.request(method, path, **options)
        raise_for_problem(response)
        try:
            body = response.json()
        except ValueError as error:
            raise _not_tessera(self.server) from error
        if not isinstance(body, dict):
            raise _not_tessera(self.server)
        return body


def _not_tessera(server: str) -> TesseraError:
    return TesseraError(Code.server_unreachable, f"What answers at {server} is not a Tessera server.")
