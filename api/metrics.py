"""Prometheus metrics: counts of this process, and the state of the service as the database knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class ServiceNumbers:
    """Numbers read from the database at each scrape.

    Attributes:
        jobs: jobs by state.
        queues: work rows that wait, by queue.
        workers: workers that hold a lease.
    """

    jobs: Mapping[str, int]
    queues: Mapping[str, int]
    workers: int


class Metrics:
    """The metrics of one application, in a registry of their own so that tests can make many applications."""

    def __init__(self, read: Callable[[], ServiceNumbers]) -> None:
        """Register everything; `read` is called at each scrape."""
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tessera_http_requests", "HTTP requests.", ["method", "route", "status"], registry=self.registry
        )
        self.latency = Histogram(
            "tessera_http_request_seconds",
            "Time from request to the end of the answer.",
            ["method", "route"],
            buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600),
            registry=self.registry,
        )
        self.upload_bytes = Counter("tessera_upload_bytes", "Bytes of uploads received.", registry=self.registry)
        self.uploads = Gauge("tessera_uploads_in_progress", "Uploads being received.", registry=self.registry)
        self.watchers = Gauge("tessera_event_watchers", "Open event streams.", registry=self.registry)
        ProcessCollector(registry=self.registry)
        self.registry.register(_FromDatabase(read))

    def render(self) -> bytes:
        """Return the text form that Prometheus scrapes."""
        return generate_latest(self.registry)


class _FromDatabase(Collector):
    def __init__(self, read: Callable[[], ServiceNumbers]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Nothing: describing must not ask the database when the registry is made."""
        return ()

    def collect(self) -> Iterable[Metric]:
        numbers = self._read()
        jobs = GaugeMetricFamily("tessera_jobs", "Jobs by state.", labels=["state"])
        for state, count in numbers.jobs.items():
            jobs.add_metric([state], count)
        queues = GaugeMetricFamily("tessera_queue_depth", "Work rows that wait, by queue.", labels=["queue"])
        for queue, count in numbers.queues.items():
            queues.add_metric([queue], count)
        return (jobs, queues, GaugeMetricFamily("tessera_workers", "Workers at work.", value=numbers.workers))
