"""`python -m worker`: one worker process with its children, for one or both queues."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

from celery import signals

from genotypes.memory import one_arena
from jobs.database import upgrade
from jobs.settings import get_settings
from worker.app import create_app
from worker.identity import worker_name
from worker.logs import set_up_logging
from worker.process import ask_to_stop, start_child
from worker.sweeper import Sweeper


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m worker", description="Run a Tessera worker.")
    parser.add_argument("-q", "--queues", default="cpu", help="cpu, gpu or cpu,gpu (default: cpu)")
    parser.add_argument("-c", "--concurrency", type=int, default=1, help="rows worked on at once (default: 1)")
    parser.add_argument("-l", "--log-level", default="info", help="debug, info, warning or error (default: info)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until stopped. SIGTERM or SIGINT: rows at work are given back to the queue, then the process ends."""
    given = parse(arguments)
    one_arena()
    settings = get_settings()
    set_up_logging(given.log_level)
    upgrade(settings.database.url)
    sweeper = Sweeper(settings)
    parent = os.getpid()

    # Celery keeps weak references to receivers, so these names must live as long as the worker.
    def keep_logging(**_: Any) -> None:
        """Tell Celery that logging is set up."""

    def start_sweeping(**_: Any) -> None:
        sweeper.start()

    def start(**_: Any) -> None:
        start_child(parent)

    def shut_down(**_: Any) -> None:
        ask_to_stop()

    def stop_sweeping(**_: Any) -> None:
        sweeper.stop()

    signals.setup_logging.connect(keep_logging)
    signals.worker_init.connect(start_sweeping)
    signals.worker_process_init.connect(start)
    signals.worker_shutting_down.connect(shut_down)
    signals.worker_shutdown.connect(stop_sweeping)
    app = create_app(settings)
    app.worker_main(
        [
            "--quiet",
            "worker",
            f"--queues={given.queues}",
            f"--concurrency={given.concurrency}",
            f"--hostname={worker_name().replace('@', '_')}@tessera",
            "--pool=prefork",
            "--optimization=fair",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            f"--loglevel={given.log_level}",
        ]
    )


if __name__ == "__main__":
    main()
