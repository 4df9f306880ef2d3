import threading
from pathlib import Path

import httpx
import pytest

from cli.client import Client
from cli.client.events import parse_events
from cli.client.models import Event
from cli.client.problems import ServerRefusal
from errors import Code, TesseraError
from tests.support.fake_server import fake_server, job_json


def test_events_are_parsed_with_ids_kinds_and_several_data_lines() -> None:
    text = ": keep-alive\n\nid: 7\nevent: state\ndata: {\ndata: }\n\nid: 8\ndata: x\n\nevent: nothing\n\n"
    assert list(parse_events(text.split("\n"))) == [Event("7", "state", "{\n}"), Event("8", "message", "x")]


def test_an_upload_is_streamed_with_its_length_and_counted(tmp_path: Path) -> None:
    first, second = tmp_path / "a.vcf.gz", tmp_path / "b.vcf"
    first.write_bytes(b"A" * 300_000)
    second.write_bytes(b"B" * 10)
    family = tmp_path / "family.ped"
    family.write_text("f a 0 0 1 -9\n")
    scale = tmp_path / "chr1.map"
    scale.write_text("1 a 0 1\n")
    seen: list[int] = []
    with fake_server() as fake, Client(fake.url) as client:
        job = client.submit([first, second], {"mode": "qc"}, pedigree=family, maps=[scale], on_bytes=seen.append)
        method, path, headers = fake.requests[0]
    assert (method, path, job.id) == ("POST", "/jobs", "job_1")
    assert int(headers["Content-Length"]) == len(fake.bodies[0])
    assert headers["Content-Type"].startswith("multipart/form-data")
    body = fake.bodies[0]
    assert body.count(b'name="vcf"') == 2
    assert body.count(b'name="pedigree"; filename="family.ped"') == 1
    assert body.count(b'name="map"; filename="chr1.map"') == 1
    assert b"A" * 300_000 in body
    assert b'name="mode"\r\n\r\nqc' in body
    assert sum(seen) == 300_010 + family.stat().st_size + scale.stat().st_size
    assert max(seen) <= 1 << 16, "read in small pieces, never as a whole"


def test_a_refusal_carries_the_servers_words() -> None:
    with fake_server() as fake, Client(fake.url) as client:
        fake.refusal = (422, {"code": "not_vcf", "detail": "x.txt is not a VCF.", "action": "Send a VCF."})
        with pytest.raises(ServerRefusal) as caught:
            client.submit([], {"mode": "qc"})
    assert caught.value.code is Code.not_vcf
    assert caught.value.message == "x.txt is not a VCF."
    assert caught.value.action == "Send a VCF."


def test_a_refusal_lists_every_field_at_fault() -> None:
    faults = [{"field": "mode", "message": "'mode' is bad."}, {"field": "build", "message": "'build' is bad."}]
    with fake_server() as fake, Client(fake.url) as client:
        fake.refusal = (422, {"code": "invalid_field", "detail": "'mode' is bad.", "errors": faults})
        with pytest.raises(ServerRefusal) as caught:
            client.submit([], {"mode": "x"})
    assert caught.value.message == "'mode' is bad.\n  'build' is bad."


@pytest.mark.parametrize(("status", "code"), [(404, Code.not_found), (400, Code.invalid_field), (502, Code.internal)])
def test_an_error_without_a_known_code_is_understood_by_its_status(status: int, code: Code) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, text="<html>proxy</html>"))
    with Client("http://x", transport=transport) as client, pytest.raises(ServerRefusal) as caught:
        client.job("job_1")
    assert caught.value.code is code
    assert str(status) in caught.value.message


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(TesseraError) as caught:
        client.job("job_1")
    assert caught.value.code is Code.server_unreachable
    assert "http://127.0.0.1:9" in caught.value.message
    with Client("http://127.0.0.1:9") as client:
        assert client.ready() is False


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://host", "nonsense"])
def test_what_is_no_address_is_a_sentence(address: str) -> None:
    with pytest.raises(TesseraError) as caught, Client(address) as client:
        client.job("job_1")
    assert caught.value.code is Code.server_unreachable


def test_something_else_on_the_port_is_noticed() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text="hello"))
    with Client("http://x", transport=transport) as client, pytest.raises(TesseraError, match="not a Tessera server"):
        client.job("job_1")


def test_a_job_id_cannot_leave_its_path() -> None:
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path.decode())
        return httpx.Response(200, json=job_json())

    with Client("http://x", transport=httpx.MockTransport(answer)) as client:
        client.job("../metrics?x")
    assert paths == ["/jobs/..%2Fmetrics%3Fx"]


def test_clients_of_several_threads_do_not_disturb_each_other() -> None:
    with fake_server() as fake:
        ids: list[str] = []

        def ask() -> None:
            with Client(fake.url) as client:
                ids.append(client.job("job_1").id)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ids == ["job_1"] * 4
