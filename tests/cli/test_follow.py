import pytest

from cli.client import Client, Job
from cli.client.follow import follow
from errors import Code, TesseraError
from tests.support.fake_server import fake_server, job_json


def test_a_job_is_followed_to_its_end_by_its_events() -> None:
    seen: list[Job] = []
    with fake_server() as fake, Client(fake.url) as client:
        fake.states = [job_json(), job_json("running", 0.5), job_json("complete", 1.0)]
        fake.events = ["id: 1\nevent: state\ndata: {}\n\nid: 2\nevent: state\ndata: {}\n\n"]
        ended = follow(client, "job_1", seen.append, pause_s=0)
    assert ended.state == "complete"
    assert [job.state for job in seen] == ["queued", "running", "complete"]


def test_the_stream_is_taken_up_again_after_the_last_event() -> None:
    with fake_server() as fake, Client(fake.url) as client:
        fake.states = [job_json(), job_json("running"), job_json("running"), job_json("complete")]
        fake.events = ["id: 41\nevent: state\ndata: {}\n\n", "id: 42\nevent: state\ndata: {}\n\n"]
        follow(client, "job_1", lambda job: None, pause_s=0)
        asked = [headers.get("Last-Event-ID") for _, path, headers in fake.requests if path.endswith("/events")]
    assert asked == [None, "41"]


def test_a_server_without_events_is_asked_again_and_again() -> None:
    with fake_server() as fake, Client(fake.url) as client:
        fake.states = [job_json(), job_json("running"), job_json("failed")]
        assert follow(client, "job_1", lambda job: None, pause_s=0).state == "failed"


def test_a_server_that_stays_away_is_given_up() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(TesseraError) as caught:
        follow(client, "job_1", lambda job: None, patience_s=0.05, pause_s=0.01)
    assert caught.value.code is Code.server_unreachable


def test_a_job_that_is_not_there_is_no_reason_to_wait() -> None:
    with fake_server() as fake, Client(fake.url) as client, pytest.raises(TesseraError) as caught:
        follow(client, "job_2", lambda job: None)
    assert caught.value.code is Code.job_not_found


def test_waiting_can_be_stopped() -> None:
    with fake_server() as fake, Client(fake.url) as client:
        assert follow(client, "job_1", lambda job: None, stopped=lambda: True).state == "queued"
