"""Problem details (RFC 9457)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.schemas.base import Answer


class FieldProblem(Answer):
    """One form field or parameter at fault."""

    field: str
    message: str
    code: str


class Problem(Answer):
    """An error: `code` is stable and made for scripts, `detail` and `action` are made for people."""

    type: str = Field(examples=["urn:tessera:problem:bundle_not_found"])
    title: str = Field(examples=["Bundle not found"])
    status: int = Field(examples=[422])
    detail: str = Field(description="one plain sentence that says what is wrong")
    code: str = Field(examples=["bundle_not_found"])
    action: str = Field(description="what to do about it")
    field: str | None = Field(None, description="the form field at fault, the first when there are several")
    errors: list[FieldProblem] = Field(default_factory=list, description="all form fields at fault")
    details: dict[str, Any] = Field(default_factory=dict, description="further facts: file, line, counts")
    request_id: str = Field(description="id under which the server's log speaks of this request")
