"""`GET /api/admin/events/export`: files that hold every event, and that come back as they went."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.domain.events import EventStatus
from chalicelib.services import transfer_export
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, refused_field
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.routes import GOOD
from tests.support.seeding import LONG_AGO, seed_city, seed_event
from tests.support.tables import MotoTables

URL = "/api/admin/events/export"
IMPORT_URL = "/api/admin/events/import"
MEDIA_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
COLUMNS = (
    "name,slug,date,citySlug,location,organizerName,price,currency,imageUrl,alt,description,"
    "capacity,status"
)


@pytest.fixture(autouse=True)
def _cities(stores: Stores) -> None:
    add_cities(stores)


def add_cities(stores: Stores) -> None:
    seed_city(stores)
    seed_city(stores, "porto")


def export(api: LambdaApi, query: str = "") -> Answer:
    answer = api.get(f"{URL}?{query}", caller=signed_in())
    assert answer.status == 200, answer.text
    return answer


def export_all(api: LambdaApi, query: str) -> str:
    """Fetch part after part and put them together."""
    parts, cursor = [], ""
    while True:
        answer = export(api, query + cursor)
        parts.append(answer.text)
        if "x-next-cursor" not in answer.headers:
            return "".join(parts)
        cursor = f"&cursor={answer.headers['x-next-cursor']}"


def take_in(api: LambdaApi, text: str, form: str) -> dict[str, Any]:
    headers = {"Content-Type": MEDIA_TYPES[form]}
    answer = api.request("POST", IMPORT_URL, body=text, headers=headers, caller=signed_in())
    assert answer.status == 200, answer.text
    report: dict[str, Any] = answer.json
    return report


def slugs(answer: Answer) -> list[str]:
    return [row["slug"] for row in csv.DictReader(io.StringIO(answer.text))]


def test_a_csv_file_names_its_columns_and_is_for_keeping(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, capacity=None, description='<p>A "day", or two.</p>')

    answer = export(api)

    check_common_headers(answer)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="events.csv"'
    assert answer.headers["cache-control"] == "no-store"
    assert "x-next-cursor" not in answer.headers
    assert answer.text == (
        f"{COLUMNS}\r\n"
        "Tech Conference,tech-conference,2099-06-15T09:00:00.000Z,london,Dockside Halls,"
        'TechEvents Ltd,149.99,usd,,,"<p>A ""day"", or two.</p>",,published\r\n'
    )


def test_json_lines_hold_the_bodies_that_would_add_the_events(
    api: LambdaApi, stores: Stores
) -> None:
    seed_event(stores, price=2000, alt="A hall")

    answer = export(api, "format=jsonl")

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == 'attachment; filename="events.jsonl"'
    (line,) = answer.text.splitlines()
    assert list(json.loads(line)) == COLUMNS.split(",")
    assert json.loads(line)["price"] == 20


@pytest.mark.parametrize("form", MEDIA_TYPES)
def test_where_nothing_is_the_file_is_empty(api: LambdaApi, form: str) -> None:
    expected = {"csv": f"{COLUMNS}\r\n", "jsonl": ""}

    assert export(api, f"format={form}").text == expected[form]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["first", "draft", "over", "past", "porto"]),
        ("status=draft", ["draft"]),
        ("status=cancelled", ["over"]),
        ("city=porto", ["porto"]),
        ("from=2050-01-01", ["first", "draft", "over", "porto"]),
        ("to=2050-01-01&status=published", ["past"]),
        ("search=porto", ["porto"]),
        ("maxPrice=5", ["porto"]),
        ("city=atlantis", []),
    ],
)
def test_a_file_holds_what_the_filters_of_lists_find(
    api: LambdaApi, stores: Stores, query: str, expected: list[str]
) -> None:
    seed_event(stores, "first")
    seed_event(stores, "draft", status=EventStatus.DRAFT)
    seed_event(stores, "over", status=EventStatus.CANCELLED)
    seed_event(stores, "past", date=LONG_AGO)
    seed_event(stores, "porto", city_slug="porto", price=500)

    assert slugs(export(api, query)) == expected


@pytest.mark.parametrize("form", MEDIA_TYPES)
@pytest.mark.parametrize("filters", ["", "search=tech", "city=london", "minPrice=1"])
def test_parts_put_together_are_the_file(
    api: LambdaApi, stores: Stores, form: str, filters: str
) -> None:
    for number in range(7):
        status = EventStatus.DRAFT if number % 2 else EventStatus.PUBLISHED
        seed_event(stores, f"event-{number}", status=status)
    query = f"format={form}&{filters}"

    whole = export(api, query).text

    assert export_all(api, f"{query}&limit=3") == whole
    assert whole.count("event-") == 7


def test_a_part_that_lambda_could_not_send_is_cut(
    api: LambdaApi, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        seed_event(stores, f"event-{number}")
    whole = export(api).text
    monkeypatch.setattr(transfer_export, "MAX_BYTES", 1_500)

    assert export(api).headers["x-next-cursor"]
    assert export_all(api, "") == whole


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("format=xlsx", "format"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("status=deleted", "status"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
        ("search=", "search"),
        ("from=x", "from"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_parameter(
    api: LambdaApi, query: str, field: str
) -> None:
    answer = api.get(f"{URL}?{query}", caller=signed_in())

    assert refused_field(answer)[0] == field


def test_a_cursor_is_good_for_its_own_file_only(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, "one")
    seed_event(stores, "two")
    cursor = export(api, "limit=1").headers["x-next-cursor"]

    assert slugs(export(api, "limit=1")) == ["one"]
    answer = api.get(f"{URL}?status=published&cursor={cursor}", caller=signed_in())
    assert refused_field(answer)[0] == "cursor"
    answer = api.get(f"/api/admin/events?cursor={cursor}", caller=signed_in())
    assert refused_field(answer)[0] == "cursor"


def test_a_cell_that_a_spreadsheet_would_compute_is_text_in_the_file(
    api: LambdaApi, stores: Stores
) -> None:
    seed_event(stores, name='=HYPERLINK("http://evil.example")', location="+1", alt="@SUM(A1)")

    (row,) = csv.DictReader(io.StringIO(export(api).text))

    assert row["name"] == '\'=HYPERLINK("http://evil.example")'
    assert (row["location"], row["alt"]) == ("'+1", "'@SUM(A1)")
    assert take_in(api, export(api).text, "csv")["unchanged"] == 1


# What clients can send at all: no NUL and no half a character, and no name that is blank.
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffd"), max_size=20
) | st.sampled_from(
    ["=1+1", "'=1", "''=1", "+", "-5", "@x", "'", '"', '""', "a\r\nb", "a\rb", ",", "<p>x</p> y"]
)
names = texts.filter(lambda text: text.strip() != "") | st.just("\x1c")


@settings(
    deadline=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    given_texts=st.fixed_dictionaries(
        {
            "name": names,
            "location": names,
            "organizerName": names,
            "alt": st.none() | texts,
            "description": texts,
        }
    ),
    form=st.sampled_from([*MEDIA_TYPES]),
)
@example(given_texts={"name": "'=1", "location": "=", "description": "<b>a</b> <i>"}, form="csv")
@example(given_texts={"alt": "", "description": "a <b>"}, form="jsonl")
@example(given_texts={"alt": " x ", "description": "\x1c"}, form="csv")
def test_a_file_that_comes_back_changes_nothing(
    api: LambdaApi, tables: MotoTables, given_texts: dict[str, str | None], form: str
) -> None:
    tables.empty()
    add_cities(tables.stores)
    body = {**GOOD["POST", "/api/admin/events"][1], "slug": "there", **given_texts}
    added = api.post("/api/admin/events", body, caller=signed_in())
    assert added.status == 201, added.text
    before = tables.contents()

    report = take_in(api, export(api, f"format={form}").text, form)

    assert report["unchanged"] == 1, report
    assert tables.contents() == before
