"""Files of events: taken in line by line, and given out in the same form."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.errors import InvalidInput
from chalicelib.functions.guard import jwt_authorizer
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.csv_text import read_table, write_rows
from chalicelib.http.cursors import decode_cursor, encode_cursor
from chalicelib.http.json_lines import read_json_lines
from chalicelib.http.operations import Answer, Body, Operation, ResponseHeader, Tag
from chalicelib.http.query import (
    CURSOR_PATTERN,
    ChoiceParameter,
    IntegerParameter,
    OpenParameter,
)
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response, to_json
from chalicelib.routes.event_pages import FILTER_PARAMETERS, STATUS, read_filter, written
from chalicelib.services.catalogue import ALL_STATUSES
from chalicelib.services.port_types import Page
from chalicelib.services.transfer_export import export_page
from chalicelib.services.transfer_lines import ImportLine, ImportReport, Outcome

blueprint = ApiBlueprint(__name__)

# Lambda takes an event of 6 MB, in which the body is JSON text and so somewhat longer.
MAX_FILE_BYTES = 4_000_000
CSV, CSV_IN_UTF_8 = "text/csv", "text/csv; charset=utf-8"
JSON_LINES = ("application/x-ndjson", "application/jsonl")

CSV_EXAMPLE = (
    "name,slug,date,citySlug,location,organizerName,price,capacity\r\n"
    "Harbour Jazz,harbour-jazz,2099-07-01T18:00:00Z,london,Quay 4,Blue Notes,20,120\r\n"
)
JSON_LINES_EXAMPLE = (
    '{"name":"Harbour Jazz","date":"2099-07-01T18:00:00Z","citySlug":"london",'
    '"location":"Quay 4","organizerName":"Blue Notes","price":20,"capacity":120}\n'
)

DRY_RUN = ChoiceParameter(
    "dryRun",
    {"false": False, "true": True},
    default=False,
    description="Whether to tell what would become of each line, and write nothing.",
)
FROM_LINE = IntegerParameter(
    "fromLine",
    default=1,
    minimum=1,
    description="Where to go on: the `nextLine` of the answer before, with the same file.",
)
FORMAT = ChoiceParameter(
    "format", {"csv": CSV, "jsonl": JSON_LINES[0]}, CSV, description="The form of the file."
)
LIMIT = IntegerParameter(
    "limit", default=1_000, minimum=1, maximum=1_000, description="How many events at most."
)
CURSOR = OpenParameter(
    "cursor",
    "Where the part before ended: its `X-Next-Cursor`, with the same filters.",
    CURSOR_PATTERN,
)
NEXT_CURSOR = ResponseHeader(
    "X-Next-Cursor",
    "What to send as `cursor` for the next part of the file; missing in the last one.",
    "0f3a5c9e1b7d2460MjAyNy0wMy0wMVQxMjowMDowMC4wMDBaIzAwMDAwMDAwMDEwMA",
    always=False,
)
CONTENT_DISPOSITION = ResponseHeader(
    "Content-Disposition", "The file's name.", 'attachment; filename="events.csv"'
)
_PART = (CONTENT_DISPOSITION, NEXT_CURSOR)


@blueprint.api(
    "/api/admin/events/import",
    methods=("POST",),
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Take in a file of events",
        tag=Tag.ADMIN_EVENTS,
        parameters=(DRY_RUN, FROM_LINE),
        bodies=(
            Body(None, {"One event": CSV_EXAMPLE}, CSV),
            *(Body(None, {"One event": JSON_LINES_EXAMPLE}, kind) for kind in JSON_LINES),
        ),
        answers=(Answer("What became of the lines.", model="ImportReport"),),
    ),
)
def import_events(request: ApiRequest) -> Response:
    """Take in events, one a line, as bodies for adding an event. Of CSV the first row names the
    columns, and an empty cell is a key that is not given.

    A line adds an event, or, where there is one of its slug, changes the keys that it gives. A line
    that is wrong is told and stops no other. Sending a file again changes nothing more, so what was
    cut off is simply sent again. The file may have 4 MB; the answer comes after 20 seconds at the
    latest, and where the file was not done by then, `nextLine` says where to go on.
    """
    admin = request.admin()
    dry_run, from_line = DRY_RUN.read(request), FROM_LINE.read(request)
    lines = _read_lines(request)
    use_case = wiring.event_import()
    if dry_run:
        report = use_case.check(lines, from_line)
    else:
        report = use_case.run(lines, from_line, admin.user_id)
    return json_response(_shown(report, dry_run=dry_run))


def _read_lines(request: ApiRequest) -> list[ImportLine]:
    media_type = request.media_type
    if media_type != CSV and media_type not in JSON_LINES:
        choice = f"must be {CSV} or {JSON_LINES[0]}"
        raise InvalidInput.of("Content-Type", choice, "media_type")
    text = request.text(MAX_FILE_BYTES)
    return _csv_lines(text) if media_type == CSV else _json_lines(text)


def _csv_lines(text: str) -> list[ImportLine]:
    from chalicelib.schemas.event_lines import COLUMNS, REQUIRED_COLUMNS, as_line, body_of

    records = read_table(text, COLUMNS, REQUIRED_COLUMNS).records
    return [as_line(item.row.line, body_of(item.cells), item.problems) for item in records]


def _json_lines(text: str) -> list[ImportLine]:
    from chalicelib.schemas.event_lines import as_line

    return [as_line(line.number, line.body, line.problems) for line in read_json_lines(text)]


def _shown(report: ImportReport, *, dry_run: bool) -> dict[str, object]:
    return {
        "dryRun": dry_run,
        **{outcome.value: report.counts[outcome] for outcome in Outcome},
        "errorCount": report.problem_count,
        "errors": [
            {
                "line": item.line,
                "slug": item.slug,
                "field": item.problem.field,
                "message": item.problem.message,
                "type": item.problem.type,
            }
            for item in report.problems
        ],
        "nextLine": report.next_line,
    }


@blueprint.api(
    "/api/admin/events/export",
    authorizer=jwt_authorizer,
    # A whole catalogue is what machines fetch: the usage plan says how often.
    needs_api_key=True,
    describes=Operation(
        summary="Give out events as a file",
        tag=Tag.ADMIN_EVENTS,
        parameters=(FORMAT, STATUS, *FILTER_PARAMETERS, LIMIT, CURSOR),
        answers=(
            Answer(
                "Part of the file.",
                media_type=CSV_IN_UTF_8,
                headers=_PART,
                example=CSV_EXAMPLE,
            ),
            Answer(
                "Part of the file.",
                media_type=JSON_LINES[0],
                headers=_PART,
                example=JSON_LINES_EXAMPLE,
            ),
        ),
    ),
)
def export_events(request: ApiRequest) -> Response:
    """Give out events, of every status unless one is asked for, in the form in which they are taken
    in, in order of their creation.

    A file of more events comes in parts, which are put together as they are: only the first part of
    a CSV file has the row that names the columns. There, a cell that a spreadsheet would compute
    begins with an apostrophe, which taking it in removes.
    """
    request.admin()
    media_type = FORMAT.read(request)
    status = STATUS.read(request)
    wanted = read_filter(request, ALL_STATUSES if status is None else (status,))
    listing = ("export", *written(wanted))
    limit, cursor = LIMIT.read(request), CURSOR.read(request)
    after = None if cursor is None else decode_cursor(listing, cursor)
    page = export_page(wiring.catalogue(), wanted, limit, after)
    headers = (
        {}
        if page.next_after is None
        else {NEXT_CURSOR.name: encode_cursor(listing, page.next_after)}
    )
    if media_type == CSV:
        return _file(_as_csv(page, first=after is None), "csv", CSV_IN_UTF_8, headers)
    return _file(_as_json_lines(page), "jsonl", media_type, headers)


def _as_csv(page: Page, *, first: bool) -> str:
    from chalicelib.schemas.event_lines import COLUMNS, cells_of

    rows = [cells_of(public) for public in page.items]
    return write_rows([COLUMNS, *rows] if first else rows)


def _as_json_lines(page: Page) -> str:
    from chalicelib.schemas.event_lines import line_of

    return "".join(f"{to_json(line_of(public))}\n" for public in page.items)


def _file(text: str, suffix: str, media_type: str, headers: dict[str, str]) -> Response:
    named = {
        "Content-Type": media_type,
        CONTENT_DISPOSITION.name: f'attachment; filename="events.{suffix}"',
    }
    return Response(text, {**named, **headers}, 200)
