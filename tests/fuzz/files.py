"""Files of events as an admin might send them: in the right form, with whatever content."""

import csv
import io
import json

from hypothesis import strategies as st

from chalicelib.schemas.event_lines import COLUMNS, REQUIRED_COLUMNS

_GOOD = {
    "name": "Line Dance",
    "date": "2099-07-01T18:00:00Z",
    "citySlug": "kept-harbour",
    "location": "Quay 4",
    "organizerName": "Blue Notes",
    "price": "20",
}
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def csv_files(draw: st.DrawFn) -> bytes:
    """A header row of all the columns that must be there, and some rows below it."""
    optional = [name for name in COLUMNS if name not in REQUIRED_COLUMNS]
    chosen = draw(st.lists(st.sampled_from(optional), unique=True))
    columns = draw(st.permutations([*sorted(REQUIRED_COLUMNS), *chosen]))
    cells = st.fixed_dictionaries({name: _text | st.just(_GOOD.get(name, "")) for name in columns})
    written = io.StringIO(newline="")
    table = csv.DictWriter(written, columns)
    table.writeheader()
    table.writerows(draw(st.lists(cells, max_size=4)))
    return written.getvalue().encode()


@st.composite
def json_lines_files(draw: st.DrawFn) -> bytes:
    """Some objects a line each, and lines that are none."""
    values = st.none() | st.booleans() | st.integers() | _text
    right = {**_GOOD, "price": 20}
    wrong = st.dictionaries(st.sampled_from(COLUMNS) | _text, values, max_size=8)
    lines = draw(st.lists(st.builds(lambda extra: {**right, **extra}, wrong) | wrong, max_size=4))
    return "\n".join(json.dumps(line, ensure_ascii=draw(st.booleans())) for line in lines).encode()
