"""A client of the HTTP interface: what the sub-commands and the demo talk through."""

from cli.client.http import Client
from cli.client.models import Event, Job, Result

__all__ = ["Client", "Event", "Job", "Result"]
