"""An S3 server of one node: Debian's OpenStack Swift with its s3api middleware, on loopback, in a temporary folder.

Nothing outside that folder is read or written: the servers get their own swift.conf instead of /etc/swift.
"""

from __future__ import annotations

import atexit
import getpass
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.servers import free_ports, listens, start, stop, unavailable, wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's swift
_NEEDED = (
    "/usr/bin/swift-account-server",
    "/usr/bin/swift-container-server",
    "/usr/bin/swift-object-server",
    "/usr/bin/swift-proxy-server",
    "/usr/bin/memcached",
)
_LAUNCH = """
import sys
from swift.common import utils
utils.SWIFT_CONF_FILE = sys.argv[1]
from swift.common.wsgi import run_wsgi
sys.exit(run_wsgi(sys.argv[2], sys.argv[3], verbose=True))
"""
# The ring files, as swift-ring-builder makes them, in one process instead of nine.
_RINGS = """
import sys
from swift.common.ring import RingBuilder
for arg in sys.argv[1:]:
    path, port = arg.rsplit(":", 1)
    builder = RingBuilder(2, 1, 0)
    place = {"id": 0, "region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1", "device": "d1"}
    builder.add_dev({**place, "port": int(port)})
    builder.rebalance()
    builder.get_ring().save(path)
"""
_BACKENDS = ("account", "container", "object")
_buckets = count(1)


@dataclass(frozen=True)
class S3Server:
    """How to reach the running server."""

    endpoint: str
    access_key: str = "test:tester"
    secret_key: str = "testing"
    region: str = "us-east-1"

    def new_bucket(self) -> str:
        """Make a fresh bucket; its name."""
        name = f"bucket-{next(_buckets)}"
        self.client().create_bucket(Bucket=name)
        return name

    def client(self) -> S3Client:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )


@lru_cache(maxsize=1)
def why_not() -> str | None:
    """What this machine lacks for the server, in one sentence; None when it can run."""
    if missing := [path for path in _NEEDED if not os.access(path, os.X_OK)]:
        names = ", ".join(Path(path).name for path in missing)
        return f"S3 tests need Debian's swift, swift-{{account,container,object,proxy}}, memcached (no {names})"
    with tempfile.NamedTemporaryFile() as probe:
        try:
            os.setxattr(probe.name, "user.swift.test", b"x")  # Swift keeps its metadata in extended attributes
        except OSError:
            return f"S3 tests need a temporary folder with user extended attributes ({tempfile.gettempdir()} has none)"
    return None


@lru_cache(maxsize=1)
def s3_server() -> S3Server:
    """The running server, started at first use. Skips the test where Swift is not installed."""
    if reason := why_not():
        unavailable(reason)
    folder = Path(tempfile.mkdtemp(prefix="tessera-swift-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ports = dict(zip((*_BACKENDS, "proxy", "memcached"), free_ports(5), strict=True))
    _configure(folder, ports)
    memcached = ["/usr/bin/memcached", "-l", "127.0.0.1", "-p", str(ports["memcached"]), "-m", "16", "-U", "0"]
    commands: dict[str, list[str]] = {"memcached": [*memcached, "-u", getpass.getuser()]}
    for name in (*_BACKENDS, "proxy"):
        conf = str(folder / f"{name}.conf")
        commands[name] = [_PYTHON, "-c", _LAUNCH, str(folder / "swift.conf"), conf, f"{name}-server"]
    servers = {name: start(command, folder / f"{name}.log") for name, command in commands.items()}
    for server in servers.values():
        atexit.register(stop, server)
    for name, server in servers.items():
        wait_until(lambda port=ports[name]: listens(port), server, folder / f"{name}.log")  # type: ignore[misc]
    found = S3Server(f"http://127.0.0.1:{ports['proxy']}")
    _wait_for_answer(found)
    return found


def _configure(folder: Path, ports: dict[str, int]) -> None:
    """Write the configuration files and the rings."""
    (folder / "devices/d1").mkdir(parents=True)
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = test\nswift_hash_path_prefix = test\n"
        "[storage-policy:0]\nname = Policy-0\ndefault = yes\n"
    )
    common = (
        f"[DEFAULT]\nbind_ip = 127.0.0.1\nswift_dir = {folder}\nuser = {getpass.getuser()}\nworkers = 0\n"
        f"devices = {folder}/devices\nmount_check = false\nfallocate_reserve = 0\nlog_level = WARNING\n"
    )
    for name in _BACKENDS:
        (folder / f"{name}.conf").write_text(
            f"{common}bind_port = {ports[name]}\n"
            f"[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n"
        )
    rings = [f"{folder}/{name}.ring.gz:{ports[name]}" for name in _BACKENDS]
    subprocess.run([_PYTHON, "-c", _RINGS, *rings], check=True, capture_output=True, cwd=folder)
    filters = {
        "catch_errors": "",
        "cache": f"memcache_servers = 127.0.0.1:{ports['memcached']}\n",
        "s3api": "location = us-east-1\n",
        "tempauth": "user_test_tester = testing .admin\n",
        "bulk": "",
        "slo": "",
    }
    eggs = {"cache": "memcache"}
    sections = "".join(
        f"[filter:{name}]\nuse = egg:swift#{eggs.get(name, name)}\n{more}" for name, more in filters.items()
    )
    (folder / "proxy.conf").write_text(
        f"{common}bind_port = {ports['proxy']}\n"
        f"[pipeline:main]\npipeline = {' '.join(filters)} proxy-server\n{sections}"
        "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n"
    )


def _wait_for_answer(server: S3Server) -> None:
    """The first requests may fail while the back ends wake up."""
    deadline = time.monotonic() + 30
    while True:
        try:
            server.client().list_buckets()
        except (ClientError, BotoCoreError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
