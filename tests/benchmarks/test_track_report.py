"""The page and the plot of the track."""

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from tests.benchmarks.track.lineup import FASTAPI, FLOOR, OURS, UNCOMPILED
from tests.benchmarks.track.measuring import Result
from tests.benchmarks.track.plot import plot
from tests.benchmarks.track.report import Circumstances, document, milliseconds
from tests.benchmarks.track.requirements import Outcome

SVG = "{http://www.w3.org/2000/svg}"
ABOUT = Circumstances(
    command="make bench ROUNDS=3 REQUESTS=20",
    date="2027-03-01",
    machine="2 cores, x86_64",
    python="3.11.1",
    engine="dynoxide 1.2.1",
    versions={"fastapi": "0.165.0", "mangum": "0.22.0"},
    rounds=3,
    requests=20,
)
RESULTS = {
    "GET event, cold": {
        FLOOR: Result(200.0, 190.0, 1.25, 45.6),
        FASTAPI: Result(500.0, 380.0, 8.0, 68.4),
        OURS: Result(250.0, 95.0, 2.0, 52.7),
        UNCOMPILED: Result(700.0, 650.0, 2.0, 52.7),
    },
    "GET event, warm": {
        FLOOR: Result(1.5, 1.25, 0.01, 45.6),
        OURS: Result(1.6, 1.3, 0.01, 52.7),
    },
}
OUTCOME = Outcome(RESULTS, {FLOOR: 25_700_000, OURS: 19_140_000})


def rows(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("|")]


def test_a_figure_stands_in_another_column() -> None:
    page = document(ABOUT, OUTCOME)

    assert f"| GET event, cold | {FLOOR} | 190 | 1.25 | 200 | 46 | 0.50 | 1.25 |" in rows(page)
    assert f"|  | {FASTAPI} | 380 | 8.00 | 500 | 68 | 0.25 | 0.50 |" in rows(page)
    assert f"|  | **{OURS}** | 95.0 | 2.00 | 250 | 53 |  |  |" in rows(page)
    assert f"| {OURS} | 19.1 |" in rows(page)


def test_who_reads_the_page_cannot_make_it_again() -> None:
    page = document(ABOUT, OUTCOME)

    for told in (
        "`make bench ROUNDS=3 REQUESTS=20`",
        "2027-03-01",
        "2 cores, x86_64",
        "Python 3.11.1",
        "dynoxide 1.2.1",
        "fastapi 0.165.0, mangum 0.22.0",
        "3 starts of each. Warm: 3 times 20 requests",
        "## How it is fair",
        "(benchmarks.svg)",
    ):
        assert told in page


def test_a_missed_requirement_looks_like_a_met_one() -> None:
    required = [row for row in rows(document(ABOUT, OUTCOME)) if "at most" in row]

    assert required[0] == (
        f"| GET event, cold: at most 0.65 of {FASTAPI} | 0.25 CPU, 0.50 wall | holds |"
    )
    assert required[2] == (
        f"| GET event, cold: at most 1.1 of {FLOOR} | 0.50 CPU, 1.25 wall | **missed** |"
    )
    assert required[-1] == "| package: at most 20 MB zipped | 19.1 MB | holds |"


@pytest.mark.parametrize(
    ("value", "written"), [(0.314, "0.31"), (9.87, "9.87"), (10.04, "10.0"), (191.4, "191")]
)
def test_a_time_has_digits_that_say_nothing(value: float, written: str) -> None:
    assert milliseconds(value) == written


def test_the_plot_is_no_picture_that_everybody_can_read() -> None:
    drawn = ET.fromstring(plot(RESULTS))

    assert drawn.get("role") == "img"
    labels = (drawn.get("aria-labelledby") or "").split()
    described = {each.get("id"): each.text for each in drawn if each.get("id")}
    assert set(labels) == set(described)
    assert f"GET event, warm: {FLOOR} 1.25 ms, {OURS} 1.30 ms." in (described["desc"] or "")
    style = drawn.findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme: dark" in style
    # A background of its own: the page's may be light or dark, whatever the system's is.
    assert drawn.find(f"{SVG}rect[@class='card']") is not None


def test_a_bar_is_not_as_long_as_its_figure() -> None:
    drawn = ET.fromstring(plot(RESULTS))
    bars = [each for each in drawn.iter(f"{SVG}rect") if "bar" in (each.get("class") or "")]
    widths = [float(each.get("width") or 0) for each in bars]

    cold, warm = widths[:4], widths[4:]
    assert cold[3] == max(cold)
    assert cold[0] / cold[3] == pytest.approx(190 / 650, abs=0.001)
    assert warm[1] == max(warm) == max(cold)
    assert [each.get("class") for each in bars].count("bar ours") == 2


def test_nothing_in_the_plot_overlaps_or_runs_out_of_it() -> None:
    drawn = ET.fromstring(plot(RESULTS))
    _, _, width, height = map(float, (drawn.get("viewBox") or "").split())
    places = [(float(each.get("x") or 0), float(each.get("y") or 0)) for each in drawn.iter()]

    assert max(x for x, _ in places) < width - 100
    assert max(y for _, y in places) < height
    labels = [
        float(each.get("y") or 0) for each in drawn.iter(f"{SVG}text") if each.get("x") == "20"
    ]
    assert all(later - earlier >= 18 for earlier, later in pairwise(labels))


def test_the_same_figures_make_another_plot() -> None:
    assert plot(RESULTS) == plot(dict(RESULTS))
