import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli.up.guards import free_port, only_service_of, refuse_taken_port
from errors import Code, TesseraError


@pytest.fixture
def taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_taken_port_is_refused_in_a_plain_sentence(taken: int) -> None:
    with pytest.raises(TesseraError) as caught:
        refuse_taken_port("127.0.0.1", taken)
    assert caught.value.code is Code.setup_invalid
    assert caught.value.message == f"Port {taken} on 127.0.0.1 is taken by another program."
    assert "--port" in caught.value.action


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(TesseraError, match=r"cannot listen on 192\.0\.2\.1"):
        refuse_taken_port("192.0.2.1", 8000)


def test_the_next_free_port_is_found(taken: int) -> None:
    found = free_port("127.0.0.1", taken)
    assert found > taken
    refuse_taken_port("127.0.0.1", found)


def test_a_folder_has_one_service(tmp_path: Path) -> None:
    with (
        only_service_of(tmp_path),
        pytest.raises(TesseraError, match=f"process {os.getpid()}"),
        only_service_of(tmp_path),
    ):
        pass
    with only_service_of(tmp_path):
        pass


def test_a_killed_service_leaves_the_folder_free(tmp_path: Path) -> None:
    code = "import sys,os\nfrom pathlib import Path\nfrom cli.up.guards import only_service_of\n"
    code += "with only_service_of(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    with only_service_of(tmp_path):
        pass
