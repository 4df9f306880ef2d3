from pathlib import Path

import pytest

from cli.client import Client
from cli.client.download import download
from errors import Code, TesseraError
from tests.support.fake_server import fake_server

DATA = bytes(range(256)) * 4096  # 1 MiB


def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    moved: list[int] = []
    with fake_server() as fake, Client(fake.url) as client:
        fake.files["x.vcf.gz"] = DATA
        fake.break_after = [300_000, 200_000]
        path = download(client, "job_1", client.results("job_1")[0], tmp_path, on_bytes=moved.append, pause_s=0)
        ranges = [headers.get("Range") for _, where, headers in fake.requests if where.endswith("x.vcf.gz")]
    assert path.read_bytes() == DATA
    assert ranges == [None, "bytes=300000-", "bytes=500000-"]
    assert sum(moved) == len(DATA)
    assert list(tmp_path.iterdir()) == [path]


def test_a_part_of_an_earlier_call_is_continued(tmp_path: Path) -> None:
    (tmp_path / "x.bcf.part").write_bytes(DATA[:1000])
    with fake_server() as fake, Client(fake.url) as client:
        fake.files["x.bcf"] = DATA
        path = download(client, "job_1", client.results("job_1")[0], tmp_path)
        ranges = [headers.get("Range") for _, where, headers in fake.requests if where.endswith("x.bcf")]
    assert path.read_bytes() == DATA
    assert ranges == ["bytes=1000-"]


def test_a_part_of_something_else_is_noticed_and_fetched_anew(tmp_path: Path) -> None:
    (tmp_path / "x.bcf.part").write_bytes(b"old" * 100)
    moved: list[int] = []
    with fake_server() as fake, Client(fake.url) as client:
        fake.files["x.bcf"] = DATA
        path = download(client, "job_1", client.results("job_1")[0], tmp_path, on_bytes=moved.append)
    assert path.read_bytes() == DATA
    assert sum(moved) == len(DATA)


def test_a_part_that_is_too_long_is_fetched_anew(tmp_path: Path) -> None:
    (tmp_path / "x.bcf.part").write_bytes(DATA + b"more")
    with fake_server() as fake, Client(fake.url) as client:
        fake.files["x.bcf"] = DATA
        assert download(client, "job_1", client.results("job_1")[0], tmp_path).read_bytes() == DATA


def test_a_complete_file_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "x.bcf").write_bytes(DATA)
    with fake_server() as fake, Client(fake.url) as client:
        fake.files["x.bcf"] = DATA
        download(client, "job_1", client.results("job_1")[0], tmp_path)
        assert not [where for _, where, _ in fake.requests if where.endswith("x.bcf")]


def test_an_empty_file_arrives(tmp_path: Path) -> None:
    with fake_server() as fake, Client(fake.url) as client:
        fake.files["empty.txt"] = b""
        assert download(client, "job_1", client.results("job_1")[0], tmp_path).read_bytes() == b""


def test_a_wrong_checksum_leaves_no_file(tmp_path: Path) -> None:
    with fake_server() as fake, Client(fake.url) as client:
        fake.files["x.bcf"] = DATA
        fake.wrong_sha256 = True
        with pytest.raises(TesseraError) as caught:
            download(client, "job_1", client.results("job_1")[0], tmp_path)
    assert caught.value.code is Code.corrupt_file
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_stays_away_is_given_up(tmp_path: Path) -> None:
    with fake_server() as fake, Client(fake.url) as client:
        fake.files["x.bcf"] = DATA
        fake.break_after = [10] * 20
        with pytest.raises(TesseraError) as caught:
            download(client, "job_1", client.results("job_1")[0], tmp_path, pause_s=0)
    assert caught.value.code is Code.server_unreachable
    assert (tmp_path / "x.bcf.part").read_bytes() == DATA[:50]


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    from cli.client.models import Result

    target = tmp_path / "inside" / "evil.txt"
    target.parent.mkdir()
    target.write_bytes(b"")
    empty_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with Client("http://127.0.0.1:9") as client:
        path = download(client, "job_1", Result("../evil.txt", 0, empty_sha256, None), tmp_path / "inside")
    assert path == target
