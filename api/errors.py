"""Every error as application/problem+json (RFC 9457): stable code, one sentence, what to do; never a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from api.conditional import RangeNotSatisfiable
from api.logs import request_id
from api.negotiation import wants_html
from api.pages import render_error
from api.schemas.problem import FieldProblem, Problem
from api.submission.fields import FieldError, FieldsRefused
from errors import Code, TesseraError

MEDIA_TYPE = "application/problem+json"


def problem_of(error: TesseraError) -> Problem:
    """Return the body that describes an error."""
    fields = error.errors if isinstance(error, FieldsRefused) else ()
    listed = [FieldProblem(field=e.field, message=e.message, code=e.code.value) for e in fields]
    if not listed and error.field is not None:
        listed = [FieldProblem(field=error.field, message=error.message, code=error.code.value)]
    return Problem(
        type=f"urn:tessera:problem:{error.code.value}",
        title=error.code.value.replace("_", " ").capitalize(),
        status=error.status,
        detail=error.message,
        code=error.code.value,
        action=error.action,
        field=error.field,
        errors=listed,
        details=error.details,
        request_id=request_id.get(),
    )


def answer(request: Request, error: TesseraError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response for an error: problem+json, or a page for a browser, also after a form without scripts."""
    problem = problem_of(error)
    sent = {"Cache-Control": "no-store", **(headers or {})}
    if request.method in ("GET", "POST") and wants_html(request.headers.get("accept")):
        page = render_error(request, problem)
        page.headers.update(sent)
        return page
    body = problem.model_dump(mode="json")
    return JSONResponse(body, status_code=problem.status, headers=sent, media_type=MEDIA_TYPE)


def internal_error() -> TesseraError:
    """The error that stands for anything unforeseen; its cause goes to the log under the request's id."""
    return TesseraError(
        Code.internal,
        "Something went wrong on the server; the request was not carried out.",
        action=f"Try again; if it fails again, tell the server's operator the request id {request_id.get()}.",
    )


def add_error_handlers(app: FastAPI) -> None:
    """Register the handlers of all foreseen errors; the unforeseen ones are `middleware.Observer`'s."""
    app.add_exception_handler(TesseraError, _tessera)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)


async def _tessera(request: Request, error: Exception) -> Response:
    assert isinstance(error, TesseraError)
    headers = {"Content-Range": f"bytes */{error.size}"} if isinstance(error, RangeNotSatisfiable) else None
    return answer(request, error, headers)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [FieldError(_field_of(item), f"'{_field_of(item)}': {item['msg']}.") for item in error.errors()]
    return answer(request, FieldsRefused(found))


def _field_of(item: Any) -> str:
    """Name of the parameter that a validation message is about: the last text in its location."""
    names = [part for part in item["loc"] if isinstance(part, str)]
    return names[-1] if names else "request"


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    path = request.url.path
    known = {
        404: TesseraError(Code.not_found, f"There is nothing at {path}."),
        405: TesseraError(Code.method_not_allowed, f"{path} does not take {request.method}."),
    }
    problem = known.get(error.status_code)
    if problem is None:
        phrase = str(error.detail or HTTPStatus(error.status_code).phrase)
        problem = TesseraError(Code.malformed_request if error.status_code < 500 else Code.internal, phrase)
    return answer(request, problem, error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    """Nobody is there to read the answer; the access log shows the status that proxies use for this."""
    return Response(status_code=499)
