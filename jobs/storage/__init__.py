"""Object storage: one small protocol, a local folder and S3 behind it."""

from jobs.storage.factory import make_storage
from jobs.storage.protocol import ObjectStat, Storage, Writer
from jobs.storage.transfer import fetch, publish

__all__ = ["ObjectStat", "Storage", "Writer", "fetch", "make_storage", "publish"]
