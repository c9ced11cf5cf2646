"""What the documents have people put into a crontab, cron runs as it is meant.

In a crontab a `%` ends the command and what follows it is the command's input, unless a backslash
stands before it: `crontab(5)`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.packaging.stages import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_SPECIAL = r"@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly)"
_FIELD = r"[\d*][\d*/,-]*"
_LINE = re.compile(
    rf"^(?:{_SPECIAL}|{_FIELD}(?:[ \t]+(?:{_FIELD}|[a-zA-Z]{{3}})){{4}})[ \t]+(\S.*)$"
)
_UNESCAPED = re.compile(r"(?<!\\)%")


def commands(text: str) -> Iterator[str]:
    """Yield what cron is given: the lines of crontabs, and code in sentences about cron."""
    for line in text.splitlines():
        if entry := _LINE.match(line.strip(" `")):
            yield entry[1]
    for paragraph in re.sub(r"```.*?```", "", text, flags=re.DOTALL).split("\n\n"):
        if re.search(r"\bcron(?:tab)?\b", paragraph):
            yield from (code for code in re.findall(r"`([^`]+)`", paragraph) if " " in code)


def cut_off(text: str) -> list[str]:
    return [command for command in commands(text) if _UNESCAPED.search(command)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_cron_runs_a_documented_command_to_its_end(page: Path) -> None:
    assert cut_off(page.read_text()) == []


def test_the_backups_command_is_one_of_them() -> None:
    (command,) = commands((ROOT / "docs/backup.md").read_text())
    assert "make backup STAGE=prod" in command
    assert command.endswith('$(date +\\%F).jsonl.gz"')


@pytest.mark.parametrize(
    "text",
    [
        "```crontab\n17 4 * * *  make backup FILE=$(date +%F).jsonl.gz\n```",
        "```\n*/5 0-6 1,15 * mon make backup FILE=$(date +%F).jsonl.gz\n```",
        "    @daily make backup FILE=$(date +%F).jsonl.gz",
        "By hand, or by cron and `make backup FILE=$(date +%F).jsonl.gz`.",
    ],
)
def test_a_command_that_cron_would_cut_off_is_found(text: str) -> None:
    assert len(cut_off(text)) == 1
    assert cut_off(text.replace("%", "\\%")) == []


def test_what_is_not_crons_may_have_a_percent_sign() -> None:
    assert (
        cut_off('```sh\naws cloudwatch get --start "$(date +%F)"\n```\n| 1 | 2 | 3 | 5 % |') == []
    )
