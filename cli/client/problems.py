"""The server's refusals (RFC 9457 problem+json) and the network's failures as `TesseraError`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cli.lazy import lazily
from errors import Code, TesseraError

if TYPE_CHECKING:
    import httpx
else:
    httpx = lazily("httpx")


class ServerRefusal(TesseraError):
    """An answer of the server that is an error; keeps the server's own code even where this client does not know it."""

    def __init__(self, code: Code, message: str, *, status: int, server_code: str, action: str | None) -> None:
        """Make the refusal out of a problem+json answer."""
        super().__init__(code, message, action=action, status=status, server_code=server_code)


@contextmanager
def plain_network_errors(server: str) -> Iterator[None]:
    """Turn what httpx raises into `server_unreachable` with a sentence that names the address."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise TesseraError(Code.server_unreachable, f"The server at {server} does not answer in time.") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise TesseraError(
            Code.server_unreachable,
            f"{server!r} is not a server's address.",
            action="Give an address such as http://127.0.0.1:8000 by --server or TESSERA_SERVER.",
        ) from error
    except httpx.ConnectError as error:
        raise TesseraError(Code.server_unreachable, f"No Tessera server answers at {server}.") from error
    except httpx.TransportError as error:
        raise TesseraError(Code.server_unreachable, f"The connection to {server} broke: {error}.") from error


def raise_for_problem(response: httpx.Response) -> None:
    """Raise the refusal that the response carries, if it is one; the body must have been read.

    Raises:
        ServerRefusal: for every status from 400 on.
    """
    if response.status_code < 400:
        return
    problem = _problem(response)
    raw = str(problem.get("code") or "")
    sentence = problem.get("detail") or problem.get("title") or f"The server answered {response.status_code}."
    raise ServerRefusal(
        _known_code(raw, response.status_code),
        _with_fields(str(sentence), problem),
        status=response.status_code,
        server_code=raw,
        action=problem.get("action"),
    )


def _problem(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of the body, or nothing: a proxy on the way may answer in HTML."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _known_code(raw: str, status: int) -> Code:
    known = {code.value: code for code in Code}
    if raw in known:
        return known[raw]
    if status == 404:
        return Code.not_found
    return Code.invalid_field if status < 500 else Code.internal


def _with_fields(sentence: str, problem: dict[str, Any]) -> str:
    """The sentence, and one line for each further field at fault."""
    faults = [fault for fault in problem.get("errors") or [] if isinstance(fault, dict)]
    lines = [str(f.get("message") or f.get("detail") or "") for f in faults]
    further = [line for line in lines if line and line not in sentence]
    return "\n  ".join([sentence, *further])
