"""The embedded service: Redis, API and one worker on this machine, started, watched and stopped as one."""

from cli.up.service import Service

__all__ = ["Service"]
