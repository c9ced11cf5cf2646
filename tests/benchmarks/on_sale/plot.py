"""A line chart as SVG, without a library: what is offered, and what is sold of it."""

from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 48, 56
_COLOURS = ("#d62728", "#ff7f0e", "#9467bd", "#1f77b4", "#2ca02c")

Points = Sequence[tuple[float, float]]


def chart(title: str, across: str, up: str, lines: Mapping[str, Points], most: float) -> str:
    """Return the chart; both axes go from 0 to `most`."""

    def at(x: float, y: float) -> tuple[float, float]:
        wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        return round(_LEFT + wide * x / most, 1), round(_HEIGHT - _BOTTOM - high * y / most, 1)

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
            ' font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="24" font-size="15">{title}</text>',
    ]
    for step in range(5):
        value = most * step / 4
        (x, bottom), (left, y) = at(value, 0), at(0, value)
        right, _ = at(most, 0)
        parts += [
            f'<line x1="{left}" y1="{y}" x2="{right}" y2="{y}" stroke="#dddddd"/>',
            f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{value:,.0f}</text>',
            f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{value:,.0f}</text>',
        ]
    parts += [
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 14}" text-anchor="middle">{across}</text>',
        (
            f'<text x="16" y="{_HEIGHT / 2}" text-anchor="middle"'
            f' transform="rotate(-90 16 {_HEIGHT / 2})">{up}</text>'
        ),
    ]
    for number, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{x},{y}" for x, y in (at(*point) for point in points))
        y = _TOP + 18 * number
        parts += [
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<rect x="{_LEFT + 14}" y="{y - 8}" width="14" height="4" fill="{colour}"/>',
            f'<text x="{_LEFT + 34}" y="{y - 2}">{name}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
