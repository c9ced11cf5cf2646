"""`make audit`: known vulnerabilities fail, what nobody could audit is never taken for audited.

pip-audit runs as it is, against an advisory service on this machine that speaks OSV's API; reports
are of the shapes that it writes.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.safety.advisories import IGNORED_FILE, Ended, main, read_ignored
from tests.support.http_server import Received, Reply, closed_port, serving

ROOT = Path(__file__).resolve().parents[2]
FINE, VULNERABLE, NOT_READ, NOT_AUDITED = 0, 1, 2, 3
HASH = "sha256:" + "0" * 64
TODAY = datetime.now(UTC).date()

# As OSV answers for a version that an advisory is about.
ADVISORY = {
    "vulns": [
        {
            "id": "PYSEC-2018-28",
            "aliases": ["CVE-2018-18074"],
            "summary": "Credentials are sent along\non a redirect to http.",
            "affected": [
                {
                    "package": {"name": "requests", "ecosystem": "PyPI"},
                    "ranges": [
                        {
                            "type": "ECOSYSTEM",
                            "events": [{"introduced": "0"}, {"fixed": "2.20.0"}],
                        }
                    ],
                }
            ],
        }
    ]
}
# As pip-audit writes it, of the same.
FOUND = {
    "name": "requests",
    "version": "2.19.0",
    "vulns": [
        {
            "id": "PYSEC-2018-28",
            "fix_versions": ["2.20.0"],
            "aliases": ["CVE-2018-18074"],
            "description": "Credentials are sent along on a redirect to http.",
        }
    ],
}
SOUND = {"name": "certifi", "version": "2026.1.1", "vulns": []}
SKIPPED = {
    "name": "idna",
    "skip_reason": "Dependency not found on PyPI and could not be audited: idna (3.10)",
}


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(
        f"certifi==2026.1.1 \\\n    --hash={HASH}\nrequests==2.19.0 \\\n    --hash={HASH}\n"
    )
    return path


def reporting(*dependencies: Any) -> Callable[[Sequence[str]], Ended]:
    """pip-audit with this report. It ends with 1 where it found something."""
    is_vulnerable = any(item.get("vulns") for item in dependencies)
    text = json.dumps({"dependencies": dependencies, "fixes": []})
    return lambda _arguments: Ended(int(is_vulnerable), text, "")


def ignoring(tmp_path: Path, *items: Any) -> Path:
    path = tmp_path / "ignored.json"
    path.write_text(json.dumps(items))
    return path


def an_exception(**changes: Any) -> dict[str, Any]:
    return {
        "advisory": "PYSEC-2018-28",
        "package": "requests",
        "reason": "we follow no redirects",
        "until": (TODAY + timedelta(days=30)).isoformat(),
        **changes,
    }


# pip-audit itself.


def use_service(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)


def knowing_of_requests(received: Received) -> Reply:
    is_requests = json.loads(received.body)["package"]["name"] == "requests"
    return Reply(200, json.dumps(ADVISORY if is_requests else {}).encode())


@pytest.mark.enable_socket
def test_a_vulnerable_dependency_fails_and_is_named(
    lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(knowing_of_requests) as server:
        use_service(monkeypatch, server.url)
        assert main([str(lock)]) == VULNERABLE

    out, err = capsys.readouterr()
    assert f"{lock}: 2 audited, 0 not audited" in out
    said = "VULNERABLE requests 2.19.0: PYSEC-2018-28, CVE-2018-18074; mended in 2.20.0"
    assert err.splitlines() == [said]


@pytest.mark.enable_socket
def test_sound_dependencies_pass(
    lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda _: Reply(200, b"{}")) as server:
        use_service(monkeypatch, server.url)
        assert main(["--require-advisories", str(lock)]) == FINE

    assert "NOT AUDITED" not in capsys.readouterr().err


@pytest.mark.enable_socket
@pytest.mark.parametrize("answer", [Reply(503), Reply(200, b"<html>"), None])
def test_a_service_that_does_not_answer_is_no_audit(
    lock: Path,
    answer: Reply | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(lambda _: answer or Reply()) as server:
        use_service(monkeypatch, closed_port() if answer is None else server.url)
        assert main(["--require-advisories", str(lock)]) == NOT_AUDITED

    said = capsys.readouterr()
    assert f"{lock}: 0 audited, 2 not audited" in said.out
    assert "*** NOT AUDITED: 2 of 2 locked dependencies" in said.err


def test_a_lock_that_cannot_be_read_fails_whatever_is_required(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.lock"
    path.write_text("requests==2.19.0\n")

    assert main([str(path)]) == NOT_READ
    assert str(path) in capsys.readouterr().err


# What is made of its reports.


def test_what_the_service_does_not_know_is_not_taken_for_audited(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = reporting(SOUND, SKIPPED)

    assert main([str(lock)], run) == FINE
    out, err = capsys.readouterr()
    assert f"{lock}: 1 audited, 1 not audited" in out
    assert "*** NOT AUDITED: 1 of 2 locked dependencies" in err
    assert "Dependency not found on PyPI and could not be audited" in err
    assert "*** idna" in err
    assert main(["--require-advisories", str(lock)], run) == NOT_AUDITED


def test_a_vulnerability_counts_though_others_could_not_be_audited(lock: Path) -> None:
    assert main([str(lock)], reporting(SKIPPED, FOUND)) == VULNERABLE
    assert main(["--require-advisories", str(lock)], reporting(SKIPPED, FOUND)) == VULNERABLE


def test_every_lock_is_looked_at(lock: Path, tmp_path: Path) -> None:
    def run(arguments: Sequence[str]) -> Ended:
        item = FOUND if str(tmp_path / "second.lock") in arguments else SOUND
        return reporting(item)(arguments)

    assert main([str(lock)], run) == FINE
    assert main([str(lock), str(tmp_path / "second.lock")], run) == VULNERABLE


@pytest.mark.parametrize("advisory", ["PYSEC-2018-28", "CVE-2018-18074"])
def test_what_was_looked_at_is_ignored_by_any_of_its_names_and_said(
    lock: Path, tmp_path: Path, advisory: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ignoring(tmp_path, an_exception(advisory=advisory))

    assert main([str(lock)], reporting(FOUND), path) == FINE
    assert "we follow no redirects" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [
        {"advisory": "PYSEC-2018-29"},
        {"package": "urllib3"},
        {"until": (TODAY - timedelta(days=1)).isoformat()},
    ],
)
def test_another_or_an_old_exception_covers_nothing(
    lock: Path, tmp_path: Path, changes: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = ignoring(tmp_path, an_exception(**changes))

    assert main([str(lock)], reporting(FOUND), path) == VULNERABLE
    assert "VULNERABLE requests 2.19.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "item",
    [
        an_exception(reason=" "),
        an_exception(until="soon"),
        {name: value for name, value in an_exception().items() if name != "until"},
        {name: value for name, value in an_exception().items() if name != "reason"},
        "PYSEC-2018-28",
    ],
)
def test_an_exception_without_a_reason_or_a_date_is_none(
    lock: Path, tmp_path: Path, item: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(lock)], reporting(FOUND), ignoring(tmp_path, item)) == NOT_READ
    assert "ignored.json" in capsys.readouterr().err


def test_the_project_s_exceptions_are_in_order() -> None:
    for one in read_ignored(ROOT / IGNORED_FILE):
        assert one.until <= TODAY + timedelta(days=180), "nothing is ignored for longer"
