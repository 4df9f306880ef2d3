"""The Accept header: does this client want a page or JSON?"""

from __future__ import annotations


def wants_html(accept: str | None) -> bool:
    """Return whether a client prefers a page to JSON.

    Args:
        accept: the Accept header, or None.

    Returns:
        True only when text/html is named and JSON is not wanted at least as much, so that `*/*` (curl) gets JSON.
    """
    if accept is None or "html" not in accept.lower():
        return False
    weights: dict[str, float] = {}
    for item in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        weights[kind] = max(_weight(parameters), weights.get(kind, 0.0))
    html = max(weights.get("text/html", 0.0), weights.get("application/xhtml+xml", 0.0))
    json = max(weights.get("application/json", 0.0), weights.get("application/problem+json", 0.0))
    return html > json


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
