"""The samples on the first two axes of the training populations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from worker.pipeline.figures.svg import FORMS, Axis, Figure, Frame, Table, numbered, picture

COLOURS = 7  # classes pop0 to pop6 of the style sheet
LISTED = 200
SPREADS = 2.0  # an ellipse reaches so many spreads from its centre


def ancestry_figure(data: Mapping[str, Any]) -> Figure | None:
    """A map of the samples; None when there are fewer than two axes.

    Args:
        data: `axes` (names or facts), `reference` [{population, centre, spread}], `samples` [{id, pc, population,
            probability}], where a sample that could not be placed has None; a spread is one number or one an axis.
    """
    samples = [one for one in data.get("samples", ()) if one["pc"] is not None and len(one["pc"]) >= 2]
    reference = [one for one in data.get("reference", ()) if len(one["centre"]) >= 2]
    if not samples and not reference:
        return None
    spans = [_radii(one.get("spread")) for one in reference]
    places = [one["pc"][:2] for one in samples]
    for one, (wide, tall) in zip(reference, spans, strict=True):
        x, y = one["centre"][:2]
        places += [(x - wide, y - tall), (x + wide, y + tall)]
    x_low, x_high = _range([float(place[0]) for place in places])
    y_low, y_high = _range([float(place[1]) for place in places])
    names = [_axis_name(data.get("axes", ()), number) for number in (0, 1)]
    frame = Frame(
        Axis(names[0], x_low, x_high, numbered(x_low, x_high, 6)),
        Axis(names[1], y_low, y_high, numbered(y_low, y_high, 6)),
        height=460,
    )
    frame.axes()
    populations = list(dict.fromkeys([one["population"] for one in reference] + [one["population"] for one in samples]))
    regions = {one["population"]: (one["centre"], span) for one, span in zip(reference, spans, strict=True)}
    for number, population in enumerate(populations):
        # Of a population all that is drawn is one group, which the page's script can bring forward.
        frame.parts.append(f'<g data-group="{number}">')
        if population in regions:
            _region(frame, _colour(number), *regions[population])
        own = [one["pc"][:2] for one in samples if one["population"] == population]
        frame.marks(_colour(number), _form(number), own)
        frame.parts.append("</g>")
    for number, one in enumerate(reference):
        x, y = one["centre"][:2]
        frame.parts.append(f'<g data-group="{number}">')
        frame.text("value halo", frame.at_x(x), frame.at_y(y) + 4, str(one["population"]), "middle")
        frame.parts.append("</g>")
    counts = {name: sum(one["population"] == name for one in samples) for name in populations}
    # The document counts all samples and holds places of the first ones.
    counts = data.get("counts") or counts
    total = sum(counts.values())
    shown = "1 sample" if total == 1 else f"{total:,} samples"
    if total > len(samples):
        shown += f", the first {len(samples):,} of them drawn"
    described = f"{shown}; nearest population: " + ", ".join(
        f"{name} {count:,}" for name, count in counts.items() if count
    )
    title = "The samples among the training populations"
    text = (
        f"{described}. Each point is a sample of the upload on the principal axes of the bundle's training panel, in "
        "colour and form of the population it is nearest to; an ellipse reaches "
        f"{SPREADS:g} standard deviations around a population. Samples far from all of them are imputed less well."
    )
    rows = [
        (
            str(one["id"]),
            str(one["population"]),
            f"{one['probability']:.3f}",
            f"{one['pc'][0]:.4g}",
            f"{one['pc'][1]:.4g}",
        )
        for one in samples[:LISTED]
    ]
    note = f"The first {LISTED} of {len(samples):,} samples." if len(samples) > LISTED else ""
    table = Table(("Sample", "Nearest population", "Probability", names[0], names[1]), rows, note)
    legend = [(f"{_colour(place)} form{_form(place)}", str(name)) for place, name in enumerate(populations)]
    return Figure("ancestry", title, text, picture("ancestry", title, described, [frame]), table, legend)


def _colour(number: int) -> str:
    """Class of a population's colour."""
    return f"pop{number % COLOURS}"


def _form(number: int) -> int:
    """Form of a population's samples; where colours begin anew, the form that goes with each is another one."""
    return (number + number // COLOURS) % len(FORMS)


def _region(frame: Frame, kind: str, centre: Sequence[float], span: tuple[float, float]) -> None:
    """The ellipse of a training population."""
    (x, y), (wide, tall) = centre[:2], span
    left, top = frame.at_x(x), frame.at_y(y)
    radii = f'rx="{frame.at_x(x + wide) - left:.1f}" ry="{top - frame.at_y(y + tall):.1f}"'
    frame.parts.append(f'<ellipse class="region {kind}" cx="{left:.1f}" cy="{top:.1f}" {radii}/>')


def _radii(spread: Any) -> tuple[float, float]:
    """Half the width and height of a population's region."""
    if spread is None:
        return 0.0, 0.0
    if isinstance(spread, int | float):
        return SPREADS * spread, SPREADS * spread
    return SPREADS * float(spread[0]), SPREADS * float(spread[1])


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _axis_name(axes: Sequence[Any], number: int) -> str:
    """What the data calls an axis, or PC1, PC2."""
    axis = axes[number] if len(axes) > number else {}
    if isinstance(axis, str):
        return axis
    explained = axis.get("explained")
    return str(axis.get("name", f"PC{number + 1}")) + (f" ({explained:.1%} of variance)" if explained else "")
