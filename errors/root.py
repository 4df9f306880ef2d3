"""`TesseraError`: a stable code, one plain sentence, and what to do about it."""

from __future__ import annotations

from typing import Any

from errors.codes import Code


class TesseraError(Exception):
    """A refusal or failure that is shown to the user.

    Attributes:
        code: stable machine-readable code; decides the HTTP status and the default advice.
        message: one plain sentence that says what is wrong.
        action: what the user can do about it; the code's own advice unless given.
        field: the form field at fault (`vcf`, `pedigree`, `bundle`...), for HTTP 422.
        details: further JSON-able facts (file, line, sample, counts).
    """

    def __init__(
        self, code: Code, message: str, *, action: str | None = None, field: str | None = None, **details: Any
    ) -> None:
        """Make the error; `details` must be JSON-able."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.action = action if action is not None else code.action
        self.field = field
        self.details = details

    @property
    def status(self) -> int:
        """HTTP status that the code maps to."""
        return self.code.status

    def as_dict(self) -> dict[str, Any]:
        """The JSON form kept in `jobs.error` and sent in problem+json bodies."""
        return {
            "code": self.code.value,
            "message": self.message,
            "action": self.action,
            "field": self.field,
            "details": self.details,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TesseraError:
        """The error that `as_dict` described."""
        return cls(
            Code(data["code"]),
            data["message"],
            action=data.get("action"),
            field=data.get("field"),
            **data.get("details", {}),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by value: Celery and multiprocessing carry errors between processes."""
        return (TesseraError.from_dict, (self.as_dict(),))
