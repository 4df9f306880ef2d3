from __future__ import annotations

import json
import threading
from pathlib import Path

import httpx
import pytest

from api import watch
from jobs.states import JobState
from tests.support.api import VCF, Api, LiveApi, live_api


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.02)


def messages(text: str) -> list[dict[str, str]]:
    """The messages of an event stream, comments left out."""
    found = []
    for block in text.strip().split("\n\n"):
        lines = [line.partition(": ") for line in block.split("\n") if not line.startswith(":")]
        if lines:
            found.append({name: value for name, _, value in lines})
    return found


def test_an_ended_job_tells_its_story_and_the_stream_ends(api: Api) -> None:
    job = api.submit()
    api.end(job["id"], JobState.failed)
    answer = api.client.get(job["links"]["events"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    story = messages(answer.text)
    assert [message["event"] for message in story] == ["state", "state", "error"]
    assert json.loads(story[1]["data"])["state"] == "failed"
    assert json.loads(story[2]["data"])["code"] == "no_overlap"
    ids = [int(message["id"]) for message in story]
    assert ids == sorted(set(ids))


def test_last_event_id_goes_on_and_then_ends_for_good(api: Api) -> None:
    job = api.submit()
    api.end(job["id"], JobState.failed)
    ids = [message["id"] for message in messages(api.client.get(job["links"]["events"]).text)]
    rest = api.client.get(job["links"]["events"], headers={"last-event-id": ids[0]})
    assert [message["id"] for message in messages(rest.text)] == ids[1:]
    # 204 is what makes a browser stop reconnecting.
    done = api.client.get(job["links"]["events"], headers={"last-event-id": ids[-1]})
    assert (done.status_code, done.content) == (204, b"")
    for strange in ("abc", "-1", "9" * 40):
        again = api.client.get(job["links"]["events"], headers={"last-event-id": strange})
        assert len(messages(again.text)) == 3


def test_a_final_state_is_said_even_when_its_event_is_behind_the_client(api: Api) -> None:
    job = api.submit()
    api.end(job["id"], JobState.failed)
    ids = [message["id"] for message in messages(api.client.get(job["links"]["events"]).text)]
    rest = messages(api.client.get(job["links"]["events"], headers={"last-event-id": ids[1]}).text)
    assert [message["event"] for message in rest] == ["error", "state"]
    assert json.loads(rest[1]["data"]) == {"state": "failed"}
    assert "id" not in rest[1]


def test_a_restart_in_the_past_does_not_end_the_stream(api: Api) -> None:
    job = api.submit()
    api.end(job["id"], JobState.failed)
    api.client.post(f"/jobs/{job['id']}/restart")
    api.end(job["id"], JobState.cancelled)
    states = [
        json.loads(message["data"])["state"]
        for message in messages(api.client.get(job["links"]["events"]).text)
        if message["event"] == "state"
    ]
    assert states == ["queued", "failed", "queued", "cancelled"]


@pytest.fixture
def live(tmp_path: Path):  # type: ignore[no-untyped-def]
    with live_api(tmp_path) as running:
        yield running


def submit(live: LiveApi) -> str:
    job_id: str = httpx.post(f"{live.url}/jobs", files={"vcf": ("a.vcf", VCF)}).json()["id"]
    return job_id


def test_news_reach_a_watcher_as_they_happen(live: LiveApi) -> None:
    job_id = submit(live)
    with httpx.stream("GET", f"{live.url}/jobs/{job_id}/events", timeout=20) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("data:"))
        with live.services.unit_of_work() as unit:
            unit.repository.cancel_job(job_id)
        assert '"cancelled"' in next(line for line in lines if line.startswith("data:"))
    assert live.services.metrics.watchers._value.get() == 0


def test_the_stream_of_a_deleted_job_ends(live: LiveApi) -> None:
    job_id = submit(live)
    with httpx.stream("GET", f"{live.url}/jobs/{job_id}/events", timeout=20) as stream:
        lines = stream.iter_lines()
        next(lines)
        httpx.delete(f"{live.url}/jobs/{job_id}")
        # Whether the cancellation that goes before is still seen depends on the moment of the poll.
        list(lines)
    assert live.services.hub._topics == {}


def test_a_watcher_that_leaves_is_forgotten(live: LiveApi) -> None:
    job_id = submit(live)
    with httpx.stream("GET", f"{live.url}/jobs/{job_id}/events", timeout=20) as stream:
        lines = stream.iter_lines()  # kept: a generator that is collected closes its stream
        next(lines)
        assert job_id in live.services.hub._topics
    with live.services.unit_of_work() as unit:
        unit.repository.add_event(job_id, "progress", {"progress": 0.5})
    for _ in range(200):
        if not live.services.hub._topics:
            break
        threading.Event().wait(0.02)
    assert live.services.hub._topics == {}


def test_a_server_that_stops_does_not_wait_for_watchers(tmp_path: Path) -> None:
    with live_api(tmp_path) as live:
        job_id = submit(live)
        opened = threading.Event()
        ended = threading.Event()

        def follow() -> None:
            with httpx.stream("GET", f"{live.url}/jobs/{job_id}/events", timeout=20) as stream:
                for _ in stream.iter_lines():
                    opened.set()
            ended.set()

        threading.Thread(target=follow, daemon=True).start()
        assert opened.wait(10)
    assert live.stop.is_set()
    assert ended.wait(5)


def test_silence_is_broken_by_comments(live: LiveApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    job_id = submit(live)
    with httpx.stream("GET", f"{live.url}/jobs/{job_id}/events", timeout=20) as stream:
        assert next(line for line in stream.iter_lines() if line.startswith(":")) == ": ping"
