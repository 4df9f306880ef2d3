"""Pages rendered from `frontend/templates`; the data on them comes from the API by script."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from api.schemas.problem import Problem

if TYPE_CHECKING:
    from jinja2 import Environment

FRONTEND = Path(__file__).resolve().parent.parent / "frontend"


class StaticAssets(StaticFiles):
    """`frontend/static`; browsers ask each time whether a file has changed, as its name does not tell."""

    def __init__(self) -> None:
        """Serve the folder."""
        super().__init__(directory=FRONTEND / "static")

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Answer with the file, or with 304."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(FRONTEND / "templates"), autoescape=select_autoescape(), undefined=StrictUndefined
    )


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Render a template.

    Args:
        request: available to the template as `request` (paths, root_path).
        template: file name below `frontend/templates`.
        status: HTTP status.
        context: further values for the template.
    """
    text = _environment().get_template(template).render(request=request, **context)
    return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-cache", "Vary": "Accept"})


def render_error(request: Request, problem: Problem) -> HTMLResponse:
    """Render an error for a browser."""
    return render(request, "error.html", status=problem.status, problem=problem)
