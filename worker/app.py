"""The Celery application: two tasks, two queues, no results kept, a broker that may go away and come back."""

from __future__ import annotations

import logging
from typing import Any

from celery import Celery
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

from jobs.settings import Settings

logger = logging.getLogger(__name__)

QUEUES = ("cpu", "gpu")


class PatientConsumer(Consumer):
    """Celery's consumer, but looking for a lost broker every second and not at ever longer intervals."""

    def ensure_connected(self, conn: Any) -> Any:
        """Wait, for ever if need be, until the broker answers; one log line an outage."""
        told = False

        def away(error: Exception, _interval: float) -> None:
            nonlocal told
            if not told:
                logger.warning("broker away, looking for it every second: %s", error)
            told = True

        connected = conn.ensure_connection(
            away, max_retries=None, interval_start=0.2, interval_step=0.2, interval_max=1.0, callback=maybe_shutdown
        )
        if told:
            logger.info("broker is back")
        return connected


def create_app(settings: Settings) -> Celery:
    """Make the Celery application of a worker.

    Messages are doorbells (see `worker.tasks`): acknowledged on receipt, because a lost one is rung again by the
    sweeper, while a message kept until its task ends would be delivered twice after `visibility_timeout`.
    """
    app = Celery(
        "tessera", broker=settings.broker.url, include=["worker.tasks", "worker.training"], set_as_current=True
    )
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=False,
        task_default_queue="cpu",
        worker_prefetch_multiplier=1,
        worker_consumer=f"{__name__}:{PatientConsumer.__name__}",
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"socket_connect_timeout": 5, "health_check_interval": 10},
    )
    return app
