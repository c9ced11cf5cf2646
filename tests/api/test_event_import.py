"""`POST /api/admin/events/import`: files of events, right, wrong, sent again, and whatever else."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.domain.events import EventStatus
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, problem, refused_field
from tests.support.builders import an_order
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.log_lines import captured_log
from tests.support.routes import send as send_to_handler
from tests.support.seeding import LONG_AGO, seed_city, seed_event
from tests.support.tables import MotoTables

URL = "/api/admin/events/import"
CSV, JSON_LINES = "text/csv", "application/x-ndjson"
COLUMNS = "name,date,citySlug,location,organizerName,price"
ROW = "Harbour Jazz,2099-07-01T18:00:00Z,london,Quay 4,Blue Notes,20.50"
LINE = {
    "name": "Harbour Jazz",
    "date": "2099-07-01T18:00:00Z",
    "citySlug": "london",
    "location": "Quay 4",
    "organizerName": "Blue Notes",
    "price": 20.5,
}
COUNTS = ("created", "updated", "unchanged", "failed")

relaxed = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def _london(stores: Stores) -> None:
    seed_city(stores)


def send(api: LambdaApi, body: str, media_type: str = CSV, query: str = "") -> Answer:
    headers = {"Content-Type": media_type}
    return api.request("POST", URL + query, body=body, headers=headers, caller=signed_in())


def send_rows(api: LambdaApi, *rows: str, columns: str = COLUMNS, query: str = "") -> Answer:
    return send(api, "\r\n".join([columns, *rows, ""]), query=query)


def send_lines(api: LambdaApi, *lines: dict[str, Any], query: str = "") -> Answer:
    return send(api, "".join(json.dumps(line) + "\n" for line in lines), JSON_LINES, query)


def counts(answer: Answer) -> tuple[int, ...]:
    """How many lines were created, updated, unchanged and failed."""
    assert answer.status == 200, answer.text
    return tuple(answer.json[name] for name in COUNTS)


def errors(answer: Answer) -> list[tuple[int, str | None, str, str]]:
    assert answer.status == 200, answer.text
    assert answer.json["errorCount"] == len(answer.json["errors"])
    return [
        (item["line"], item["slug"], item["field"], item["message"])
        for item in answer.json["errors"]
    ]


def test_a_csv_file_adds_the_events_of_its_rows(api: LambdaApi) -> None:
    answer = send_rows(api, ROW, ROW.replace("Harbour", "Late"))

    check_common_headers(answer)
    assert answer.json == {
        "dryRun": False,
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "failed": 0,
        "errorCount": 0,
        "errors": [],
        "nextLine": None,
    }
    shown = api.get("/api/events/harbour-jazz").json
    assert {name: shown[name] for name in LINE} == {**LINE, "date": "2099-07-01T18:00:00.000Z"}
    assert api.get("/api/events").json["count"] == 2
    assert api.get("/api/events?search=late").json["count"] == 1


@pytest.mark.parametrize("media_type", [JSON_LINES, "application/jsonl; charset=utf-8"])
def test_json_lines_add_what_the_same_bodies_would(api: LambdaApi, media_type: str) -> None:
    by_itself = api.post("/api/admin/events", {**LINE, "slug": "one"}, caller=signed_in()).json

    answer = send(api, json.dumps({**LINE, "slug": "two"}), media_type)

    assert counts(answer) == (1, 0, 0, 0)
    by_line = api.get("/api/admin/events/two", caller=signed_in()).json
    own = ("id", "slug", "createdAt", "updatedAt")
    assert {name: value for name, value in by_line.items() if name not in own} == {
        name: value for name, value in by_itself.items() if name not in own
    }


def test_a_file_that_is_sent_again_changes_nothing(api: LambdaApi, tables: MotoTables) -> None:
    rows = [ROW, ROW.replace("Harbour", "Late")]
    send_rows(api, *rows)
    before = tables.contents()

    assert counts(send_rows(api, *rows)) == (0, 0, 2, 0)
    assert tables.contents() == before


def test_a_row_changes_the_keys_that_it_gives_and_no_others(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, "harbour-jazz", name="Harbour Jazz", alt="A saxophone", capacity=70)

    answer = send_rows(api, ROW)

    assert counts(answer) == (0, 1, 0, 0)
    shown = api.get("/api/events/harbour-jazz").json
    assert (shown["price"], shown["alt"], shown["capacity"]) == (20.5, "A saxophone", 70)


def test_a_line_may_set_to_null_what_a_row_cannot(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, "harbour-jazz", name="Harbour Jazz", capacity=70)

    assert counts(send_lines(api, {**LINE, "capacity": None})) == (0, 1, 0, 0)
    assert api.get("/api/events/harbour-jazz").json["capacity"] is None


def test_a_dry_run_tells_the_same_and_writes_nothing(
    api: LambdaApi, stores: Stores, tables: MotoTables
) -> None:
    seed_event(stores, "late-jazz", name="Late Jazz")
    rows = [ROW, ROW.replace("Harbour", "Late"), ROW.replace("london", "atlantis"), ROW]
    before = tables.contents()

    tried = send_rows(api, *rows, query="?dryRun=true")

    assert tables.contents() == before
    assert tried.json["dryRun"] is True
    assert counts(tried) == (1, 1, 0, 2)
    done = send_rows(api, *rows, query="?dryRun=false").json
    assert {**tried.json, "dryRun": False} == done


def test_what_is_wrong_is_told_by_line_and_field_and_stops_no_other_line(api: LambdaApi) -> None:
    answer = send_rows(
        api,
        ROW,
        "",
        "Only a name",
        ROW.replace("20.50", "-1"),
        ROW.replace("Harbour", "Late").replace("20.50", '"12,50"'),
        ROW.replace("Harbour Jazz", '"Two\r\nline Jazz"').replace("2099", "2020"),
        ROW.replace("Harbour", "Good").replace("london", "atlantis"),
        ROW.replace("Harbour", "Good"),
        ROW,
        '"x" y',
    )

    wrong_quote = "cannot be read: a quote is missing, not doubled, or a cell is too long"
    assert errors(answer) == [
        (4, None, "", "has 1 cells, the header row 6"),
        (5, "harbour-jazz", "price", "must not be negative"),
        (6, "late-jazz", "price", "must be a number"),
        (7, "two-line-jazz", "date", "must be in the future"),
        (9, "good-jazz", "citySlug", "must be the slug of a city"),
        (10, "good-jazz", "slug", "is that of line 9 already"),
        (11, "harbour-jazz", "slug", "is that of line 2 already"),
        (12, None, "", wrong_quote),
    ]
    assert counts(answer) == (1, 0, 0, 8)
    assert api.get("/api/events").json["count"] == 1


def test_a_json_line_that_is_none_is_told_by_its_number(api: LambdaApi) -> None:
    answer = send(api, f"{json.dumps(LINE)}\n\n{{\n[]\n", JSON_LINES)

    assert errors(answer) == [
        (3, None, "", "the body must be JSON"),
        (4, None, "", "the body must be a JSON object"),
    ]
    assert counts(answer) == (1, 0, 0, 2)


def test_past_and_cancelled_events_may_be_in_a_file_as_they_are(
    api: LambdaApi, stores: Stores
) -> None:
    seed_event(stores, "past", date=LONG_AGO)
    seed_event(stores, "over", status=EventStatus.CANCELLED)
    known = {"citySlug": "london", "location": "Dockside Halls", "organizerName": "TechEvents Ltd"}
    line = {**known, "name": "Tech Conference", "price": 149.99}

    answer = send_lines(
        api,
        {**line, "slug": "past", "date": "2020-06-15T09:00:00Z"},
        {**line, "slug": "over", "date": "2099-06-15T09:00:00Z", "status": "cancelled"},
    )

    assert counts(answer) == (0, 0, 2, 0)


def test_going_on_from_a_line_leaves_those_before_it_alone(api: LambdaApi) -> None:
    late = ROW.replace("Harbour", "Late")

    answer = send_rows(api, ROW, late, ROW, query="?fromLine=3")

    assert counts(answer) == (1, 0, 0, 1)
    assert errors(answer) == [(4, "harbour-jazz", "slug", "is that of line 2 already")]
    assert api.get("/api/events/harbour-jazz").status == 404


@pytest.mark.parametrize("text", [f"\ufeff{COLUMNS}\n{ROW}", f"{COLUMNS}\r{ROW}\r"])
def test_files_as_spreadsheets_write_them_are_read(api: LambdaApi, text: str) -> None:
    assert counts(send(api, text)) == (1, 0, 0, 0)


def test_an_import_leaves_a_line_for_each_write_and_one_for_itself(api: LambdaApi) -> None:
    with captured_log() as log:
        send_rows(api, ROW, ROW.replace("Harbour", "Late"))

    assert [line["message"] for line in log.of("audit")] == [
        "event_created",
        "event_created",
        "events_imported",
    ]
    assert log.of("audit")[-1]["lines"] == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "failed": 0,
    }


@pytest.mark.parametrize("media_type", ["", "application/json", "text/plain", "text/csvx", "\xff"])
def test_a_body_of_another_media_type_is_refused(api: LambdaApi, media_type: str) -> None:
    assert refused_field(send(api, f"{COLUMNS}\n{ROW}", media_type)) == (
        "Content-Type",
        "must be text/csv or application/x-ndjson",
        "media_type",
    )


@pytest.mark.parametrize(
    ("columns", "field", "kind"),
    [
        ("", "", "csv_header"),
        (f"{COLUMNS},colour", "colour", "csv_column"),
        (f"{COLUMNS},name", "name", "csv_column_twice"),
        (COLUMNS.replace("price", "capacity"), "price", "missing"),
        ('"name', "", "csv_row"),
    ],
)
def test_a_header_that_is_not_in_order_is_refused(
    api: LambdaApi, tables: MotoTables, columns: str, field: str, kind: str
) -> None:
    before = tables.contents()

    refused = refused_field(send(api, columns))

    assert (refused[0], refused[2]) == (field, kind)
    assert tables.contents() == before


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?dryRun=1", "dryRun"),
        ("?dryRun=", "dryRun"),
        ("?fromLine=0", "fromLine"),
        ("?fromLine=x", "fromLine"),
        ("?fromLine=1&fromLine=2", "fromLine"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_parameter(
    api: LambdaApi, tables: MotoTables, query: str, field: str
) -> None:
    before = tables.contents()

    assert refused_field(send_rows(api, ROW, query=query))[0] == field
    assert tables.contents() == before


def test_a_file_of_four_megabytes_is_read_and_one_byte_more_is_not(api: LambdaApi) -> None:
    fits = f"{COLUMNS}\n{ROW}\n".ljust(4_000_000, "\n")

    assert counts(send(api, fits)) == (1, 0, 0, 0)
    assert problem(send(api, f"{fits}\n"), "PAYLOAD_TOO_LARGE")["message"] == (
        "the body must not be larger than 4000000 bytes"
    )


def test_no_cell_is_stored_that_dynamodb_could_not_hold(api: LambdaApi) -> None:
    answer = send_rows(
        api,
        ROW.replace("Quay", "Qu\0y"),
        ROW.replace("Harbour", "Late").replace("Quay", "Qu\ufffd"),
    )

    assert [(line, field) for line, _, field, _ in errors(answer)] == [
        (2, "location"),
        (3, "location"),
    ]


def check_taken_or_told(tables: MotoTables, answer: Answer) -> None:
    """Check what holds of whatever is sent: a report or a refusal, and nothing else is written."""
    assert answer.status in {200, 400, 413}, answer.text
    answer.text.encode()
    events = [item for item in tables.scan("events") if "public" in item]
    if answer.status != 200:
        problem(answer, answer.json["code"])
        assert events == []
        return
    check_common_headers(answer)
    report = answer.json
    assert report["created"] == len(events)
    assert (report["errorCount"] > 0) is (report["failed"] > 0)
    assert report["nextLine"] is None


near_cells = st.sampled_from(
    ["", " ", "Jazz", "jazz", "london", "2099-07-01", "20.50", "-1", "7", "usd", "=1+1", "'", '"']
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
near_rows = st.lists(near_cells, max_size=9).map(",".join)


@relaxed
@given(rows=st.lists(near_rows | st.just(ROW), max_size=4), header=st.just(COLUMNS) | near_rows)
@example(rows=[ROW, ROW], header=COLUMNS)
@example(rows=['"'], header=COLUMNS)
def test_any_rows_are_taken_or_told(
    api: LambdaApi, tables: MotoTables, rows: list[str], header: str
) -> None:
    tables.empty()
    seed_city(tables.stores)

    check_taken_or_told(tables, send_rows(api, *rows, columns=header))


@relaxed
@given(raw=st.binary(max_size=200), media_type=st.sampled_from([CSV, JSON_LINES]))
@example(raw=b"\xff\xfen\x00a\x00m\x00e\x00", media_type=CSV)
@example(raw=b"\xef\xbb\xbf", media_type=CSV)
@example(raw=b"{" * 5000, media_type=JSON_LINES)
@example(raw=b'{"a":"\\ud800"}', media_type=JSON_LINES)
def test_any_bytes_are_taken_or_told(
    api: LambdaApi, tables: MotoTables, raw: bytes, media_type: str
) -> None:
    tables.empty()
    seed_city(tables.stores)

    # As API Gateway hands bytes over: what is no UTF-8 is replaced.
    check_taken_or_told(tables, send(api, raw.decode(errors="replace"), media_type))


any_value = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())


@relaxed
@given(
    lines=st.lists(
        st.fixed_dictionaries(
            {}, optional={name: st.just(value) | any_value for name, value in LINE.items()}
        )
        | st.dictionaries(st.sampled_from(["slug", "status", "capacity", "x"]), any_value).map(
            lambda changes: {**LINE, **changes}
        ),
        max_size=4,
    )
)
def test_any_json_lines_are_taken_or_told(
    api: LambdaApi, tables: MotoTables, lines: list[dict[str, Any]]
) -> None:
    tables.empty()
    seed_city(tables.stores)

    answer = send_lines(api, *lines)

    check_taken_or_told(tables, answer)
    assert sum(counts(answer)) == len(lines)


@pytest.mark.parametrize("raw", [b"\xff\xfe", COLUMNS.encode("utf-16")])
def test_bytes_that_come_encoded_and_are_no_text_are_refused(
    tables: MotoTables, raw: bytes
) -> None:
    answer = send_to_handler(
        "POST",
        URL,
        caller=signed_in(),
        headers={"Content-Type": CSV},
        body=base64.b64encode(raw).decode(),
        is_base64_encoded=True,
    )

    assert refused_field(answer) == ("", "the body must be UTF-8", "text_invalid")


@pytest.mark.parametrize(("capacity", "expected"), [(402, (0, 1, 0, 0)), (401, (0, 0, 0, 1))])
def test_a_line_may_lower_the_capacity_of_an_event_with_several_places_to_what_is_taken(
    api: LambdaApi, stores: Stores, capacity: int, expected: tuple[int, ...]
) -> None:
    event = seed_event(stores, "harbour-jazz", name="Harbour Jazz", capacity=500)
    known = stores.events.get(event.slug, consistent=True)
    for number in range(41):
        order = an_order(
            id=f"01JN{number:022}",
            event_id=event.id,
            event_slug=event.slug,
            unit_price=event.price,
            quantity=10 if number < 40 else 2,
        )
        assert stores.orders.place(order, known).places
        known = known if number else stores.events.get(event.slug, consistent=True)

    answer = send_lines(api, {"slug": event.slug, **LINE, "capacity": capacity})

    assert counts(answer) == expected
    if expected[3]:
        told = "402 seats are sold or held: the capacity cannot be lower"
        assert errors(answer) == [(1, event.slug, "capacity", told)]
    shown = api.get(f"/api/events/{event.slug}").json
    assert shown["available"] == (0 if expected[1] else 98)
