"""The runbook: a page for each alarm, all alike, and nothing in it that is not there."""

import re
from pathlib import Path

import pytest

from infra.packaging.alarms import Alarm, alarms
from infra.packaging.stages import ROOT
from tests.infra.counted_metrics import counted_by_code
from tests.infra.test_alarms import WEB_ACL

RUNBOOK = ROOT / "docs/runbook"
INDEX = (RUNBOOK / "README.md").read_text()
PAGES = sorted(path for path in RUNBOOK.glob("*.md") if path.name != "README.md")
SECTIONS = [
    "What it means",
    "Who is hurt",
    "What to look at",
    "What to do",
    "When it is over",
    "How to try it out",
]
# Lambda's own words ("Viewing CloudWatch logs for Lambda functions").
LAMBDAS_WORDS = {"REPORT", "Task timed out"}
EVERY = alarms("prod", {"WebAcl": WEB_ACL})


def of_page(path: Path) -> Alarm:
    """The alarm that a page is about; tables share one."""
    return next(alarm for alarm in EVERY if alarm.runbook == f"docs/runbook/{path.name}")


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0].strip()


def source() -> str:
    paths = (path for part in ("chalicelib", "infra") for path in (ROOT / part).rglob("*.py"))
    return "\n".join(path.read_text() for path in paths)


def looked_for(text: str) -> set[str]:
    """What the log is searched for: words, and of CloudWatch's own patterns what they compare,
    quoted as the program has it.
    """
    found = re.findall(r"FILTER=(?:\"([^\"]+)\"|'([^']+)'|(\w+))", text)
    words = {plain or word for plain, _, word in found if plain or word}
    return words | {part for _, pattern, _ in found for part in compared(pattern)}


def compared(pattern: str) -> set[str]:
    """The fields and texts of one of CloudWatch's filter patterns, in quotation marks."""
    fields = re.findall(r"\$\.(\w+)", pattern)
    return {f'"{name}"' for name in fields} | set(re.findall(r"\"[^\"]+\"", pattern))


def test_what_is_looked_for_is_found_however_it_is_quoted() -> None:
    page = (
        'make logs FILTER=ses_failed\nmake logs FILTER="Task timed out"\n'
        'make logs SINCE=1h FILTER=\'{ $.kind = "crash" && $.code = "UNAVAILABLE" }\' FOLLOW=1'
    )
    patterns = {'"kind"', '"crash"', '"code"', '"UNAVAILABLE"'}
    assert looked_for(page) == {"ses_failed", "Task timed out", *patterns}
    assert looked_for((RUNBOOK / "crashes.md").read_text()) == {'"kind"', '"crash"'}


def test_every_alarm_has_a_page_and_every_page_an_alarm() -> None:
    assert {alarm.runbook for alarm in EVERY} == {f"docs/runbook/{page.name}" for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
class TestPages:
    def test_pages_are_alike(self, page: Path) -> None:
        text = page.read_text()
        assert text.startswith(f"# {page.stem}\n\n**{of_page(page).severity.capitalize()}.** ")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
        assert all(len(section(text, title)) > 20 for title in SECTIONS)

    def test_where_to_look_is_a_command_and_a_query(self, page: Path) -> None:
        look = section(page.read_text(), "What to look at")
        assert re.search(r"```sh\n[^`]*make logs STAGE=prod[^`]*\n```", look)
        assert "Logs Insights, on" in look
        assert re.search(r"```text\nfilter [^`]*\n```", look)

    def test_what_is_looked_for_is_written_by_the_program(self, page: Path) -> None:
        text = page.read_text()
        written = source()
        messages = re.findall(r"(?:message = |chore = )\"(\w+)\"", text)
        listed = [
            word
            for names in re.findall(r"message in \[([^\]]+)\]", text)
            for word in re.findall(r"\"(\w+)\"", names)
        ]
        for word in {*looked_for(text), *messages, *listed} - LAMBDAS_WORDS:
            assert word in written, word

    def test_how_to_try_it_out_begins_with_the_drill(self, page: Path) -> None:
        drill = re.search(r"make drill ALARM=([a-z-]+)", section(page.read_text(), SECTIONS[-1]))
        assert drill is not None
        assert drill[1] in {alarm.name for alarm in EVERY if alarm.runbook.endswith(page.name)}

    def test_metrics_of_the_code_are_called_by_their_names(self, page: Path) -> None:
        counted = set(counted_by_code())
        own = {metric.name for metric in of_page(page).metrics if metric.namespace == "EventsApi"}
        assert all(f"`{name}`" in page.read_text() for name in own)
        named = set(re.findall(r"\(`([A-Z]\w+)`", page.read_text().partition("\n## ")[0]))
        assert named & counted == own

    def test_links_lead_somewhere(self, page: Path) -> None:
        for link in re.findall(r"\]\(([\w-]+\.md)\)", page.read_text()):
            assert (RUNBOOK / link).is_file(), link

    def test_the_index_lists_it_with_how_soon(self, page: Path) -> None:
        row = f"| [{page.stem}]({page.name}) | {of_page(page).severity} | "
        assert row in INDEX


def test_the_readme_leads_to_the_runbook_and_names_what_is_counted() -> None:
    text = (ROOT / "README.md").read_text()
    assert "docs/runbook/README.md" in text
    assert "AlarmEmail" in text
    for name in counted_by_code():
        assert f"`{name}`" in text, name
