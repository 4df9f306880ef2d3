"""`Service`: the embedded installation of one data folder."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from cli.client import Client
from cli.up import redis
from cli.up.child import Child, Program
from cli.up.guards import only_service_of, refuse_taken_port
from errors import Code, TesseraError

if TYPE_CHECKING:
    from jobs.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TICK_S = 0.1
START_S = 60.0  # a cold disk and a first compilation of all modules fit in
EARLY_DEATHS = 3  # before it is ready a process may die so often
API_GRACE_S = 12.0  # longer than the API waits for transfers under way
WORKER_GRACE_S = 15.0


class Service:
    """Redis, API and worker of one data folder. Enter it to start all, leave it to stop all.

    The order matters: Redis first and last; the API goes first when stopping, so that nothing new comes in.
    """

    def __init__(
        self, settings: Settings, say: Callable[[str], None], stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """Describe the service; nothing is started.

        Args:
            settings: where and how.
            say: gets one sentence for each thing that happens.
            stopped: whether the person wants it to end; asked all the time.
        """
        self.settings = settings
        self.logs = settings.data_dir / "logs"
        self._say = say
        self._stopped = stopped
        self._children: list[Child] = []
        self._held = ExitStack()
        self._redis_folder = settings.data_dir / "redis"
        self._embedded_redis = settings.broker.url == f"redis+socket://{self._redis_folder}/redis.sock"

    @property
    def address(self) -> str:
        """Address that a browser of this machine reaches it by."""
        host = self.settings.server.host
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        return f"http://{host}:{self.settings.server.port}"

    def __enter__(self) -> Self:
        server = self.settings.server
        self.settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._held.enter_context(only_service_of(self.settings.data_dir))
            refuse_taken_port(server.host, server.port)
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Keep all processes running until the person, or `until`, wants it to end."""
        while not (self._stopped() or until()):
            self._tick()
            time.sleep(TICK_S)

    def stop(self) -> None:
        """Stop what runs, last started first."""
        while self._children:
            self._children.pop().stop()
        self._held.close()

    def _start(self) -> None:
        env = self._environment()
        if self._embedded_redis:
            self._start_redis(env)
        from jobs.database import upgrade  # Alembic and SQLAlchemy: no other command should wait for them

        upgrade(self.settings.database.url)
        # The worker starts before the API, so that it is stopped after it.
        for program in (self._worker(env), self._api(env)):
            self._add(program)
        with Client(self.address) as client:
            self._wait_until(client.ready, "The service")

    def _start_redis(self, env: dict[str, str]) -> None:
        self._redis_folder.mkdir(exist_ok=True, mode=0o700)
        socket = redis.socket_path(self._redis_folder)
        redis.end_leftover(socket)
        self._add(redis.program(self._redis_folder, socket))
        self._wait_until(lambda: redis.answers(socket), "Redis")
        env["TESSERA_BROKER_URL"] = f"redis+socket://{quote(str(socket))}"

    def _add(self, program: Program) -> None:
        child = Child(program, self.logs / f"{program.name}.log")
        self._children.append(child)
        child.start()

    def _tick(self) -> None:
        for child in self._children:
            if said := child.tick():
                self._say(said)

    def _wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait for something that the youngest child does.

        Raises:
            TesseraError: `setup_invalid` with the end of a log, when a process dies again and again or the time is up.
        """
        deadline = time.monotonic() + START_S
        while not ready():
            if self._stopped():
                raise KeyboardInterrupt
            self._tick()
            failing = [child for child in self._children if child.deaths >= EARLY_DEATHS]
            if failing or time.monotonic() > deadline:
                child = (failing or self._children)[-1]
                raise TesseraError(
                    Code.setup_invalid,
                    f"{what} does not start. The log {child.log} ends with:\n{child.last_lines()}",
                    action="Mend what the log names and start again.",
                )
            time.sleep(TICK_S)

    def _environment(self) -> dict[str, str]:
        """The environment of the children: this one's, and the settings that the command line changed."""
        server = self.settings.server
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        return os.environ | {
            "PYTHONPATH": path,
            "PYTHONUNBUFFERED": "1",
            "TESSERA_DATA_DIR": str(self.settings.data_dir),
            "TESSERA_SERVER_HOST": server.host,
            "TESSERA_SERVER_PORT": str(server.port),
            "TESSERA_BUNDLES_DIR": str(self.settings.bundles.dir.resolve()),
        }

    def _worker(self, env: dict[str, str]) -> Program:
        argv = [sys.executable, "-m", "worker", "--queues", "cpu,gpu"]
        return Program("worker", argv, env, grace_s=WORKER_GRACE_S)

    def _api(self, env: dict[str, str]) -> Program:
        return Program("api", [sys.executable, "-m", "api"], env, grace_s=API_GRACE_S)
