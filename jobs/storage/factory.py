"""From settings to a store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from errors import Code, TesseraError
from jobs.settings import Settings
from jobs.storage.local import LocalStorage
from jobs.storage.protocol import Storage
from jobs.storage.s3 import S3Storage


def make_storage(settings: Settings) -> Storage:
    """The store that `TESSERA_STORAGE_URL` names.

    Raises:
        TesseraError: `setup_invalid` when the URL is neither file:// nor s3://.
    """
    storage = settings.storage
    url = urlsplit(storage.url)
    if url.scheme == "file" and not url.netloc:
        return LocalStorage(Path(unquote(url.path)))
    if url.scheme == "s3" and url.netloc:
        return S3Storage(
            url.netloc,
            prefix=url.path.strip("/"),
            endpoint=storage.endpoint,
            presign_endpoint=storage.presign_endpoint,
            region=storage.region,
            access_key=storage.access_key,
            secret_key=None if storage.secret_key is None else storage.secret_key.get_secret_value(),
            presign=storage.presign,
        )
    raise TesseraError(
        Code.setup_invalid, f"TESSERA_STORAGE_URL: '{storage.url}' is neither file:///FOLDER nor s3://BUCKET"
    )
