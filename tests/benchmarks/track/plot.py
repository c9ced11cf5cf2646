"""The plot: bars of CPU time, race by race, on a background of its own for light and dark pages."""

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

from tests.benchmarks.track.lineup import OURS
from tests.benchmarks.track.measuring import Result, Results
from tests.benchmarks.track.report import milliseconds

_WIDTH, _MARGIN = 860, 20
_BAR_AT, _BAR_WIDTH = 270, 380
_ROW, _BAR, _RACE_GAP, _HEAD = 20, 13, 38, 62
_TITLE = "CPU time to answer, by contender"
_STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #1f2328 }
    .title { font-size: 16px; font-weight: 600 } .race { font-weight: 600 }
    .card { fill: #ffffff; stroke: #d1d9e0 } .bar { fill: #8c959f } .ours { fill: #0969da }
    .note { fill: #59636e }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc } .card { fill: #0d1117; stroke: #3d444d }
      .bar { fill: #6e7681 } .ours { fill: #4493f8 } .note { fill: #9198a1 }
    }
  """


def plot(results: Mapping[str, Results]) -> str:
    """Return an SVG: in each race the slowest contender has the longest bar."""
    body: list[str] = []
    height = float(_HEAD)
    for race, by_contender in results.items():
        body += _race(race, by_contender, height)
        height += _RACE_GAP + _ROW * len(by_contender)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title desc"
     viewBox="0 0 {_WIDTH} {height:g}" width="{_WIDTH}" height="{height:g}">
  <title id="title">{_TITLE}</title>
  <desc id="desc">{escape(_described(results))}</desc>
  <style>{_STYLE}</style>
  <rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1:g}" rx="8"/>
  <text class="title" x="{_MARGIN}" y="30">{_TITLE}</text>
  <text class="note" x="{_MARGIN}" y="48">Medians in milliseconds, wall time in brackets; shorter \
is better; each race has a scale of its own</text>
{chr(10).join(body)}
</svg>
"""


def _race(race: str, by_contender: Results, top: float) -> Iterator[str]:
    slowest = max(result.cpu_ms for result in by_contender.values())
    yield f'  <text class="race" x="{_MARGIN}" y="{top + 18:g}">{escape(race)}</text>'
    for place, (name, result) in enumerate(by_contender.items()):
        yield _bar(name, result, top + 26 + _ROW * place, result.cpu_ms / slowest)


def _bar(name: str, result: Result, top: float, share: float) -> str:
    width = max(_BAR_WIDTH * share, 1.0)
    kind = "bar ours" if name == OURS else "bar"
    figures = f"{milliseconds(result.cpu_ms)} ({milliseconds(result.wall_ms)})"
    return (
        f'  <text x="{_MARGIN}" y="{top + 11:g}">{escape(name.replace("`", ""))}</text>'
        f'<rect class="{kind}" x="{_BAR_AT}" y="{top:g}" width="{width:.1f}" height="{_BAR}"/>'
        f'<text x="{_BAR_AT + width + 8:.1f}" y="{top + 11:g}">{figures}</text>'
    )


def _described(results: Mapping[str, Results]) -> str:
    """Say the figures in words, for those who cannot see the bars."""
    races = (
        f"{race}: "
        + ", ".join(f"{name} {milliseconds(one.cpu_ms)} ms" for name, one in by_name.items())
        for race, by_name in results.items()
    )
    return ". ".join(races).replace("`", "") + "."
