"""`make secrets-scan`: what it finds in a repository, what it lets be and why, and that it prints
no secret. Secrets are planted in parts: this file is looked at as well.
"""

import base64
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.safety.secrets_scan import (
    ALLOWED_FILE,
    fingerprint,
    main,
    read_allowed,
    tracked_files,
)

ROOT = Path(__file__).resolve().parents[2]
CLEAN, FOUND, NOT_DONE = 0, 1, 2
LETTERS = "Zq3xW9vK2mTn" + "7bRd5hYc8LpG"


def a_token() -> str:
    parts = ({"alg": "RS256", "typ": "JWT"}, {"sub": "user_1"})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*(part.rstrip("=") for part in encoded), LETTERS])


SECRETS: Mapping[str, str] = {
    "a live key": "sk_" + "live_" + LETTERS,
    "a restricted key": "rk_" + "live_" + LETTERS,
    "a test key": "sk_" + "test_51" + LETTERS,
    "a webhook secret": "whsec_" + LETTERS,
    "an AWS key": "AKIA" + "IOSFODNN7QWERTYU",
    "a token": a_token(),
    "a private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "a GitHub token": "ghp_" + LETTERS + LETTERS[:12],
    "a password in an address": "https://ada:" + LETTERS + "@db.example/",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "clean.py").write_text('"""Nothing."""\n')
    commit(tmp_path)
    return tmp_path


def git(root: Path, *arguments: str) -> None:
    me = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *me, "-C", root, *arguments], check=True, capture_output=True)


def hash_of(root: Path, commit: str) -> str:
    command = ["git", "-C", str(root), "rev-parse", "--short=12", commit]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode().strip()


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Change")


def plant(root: Path, text: str, name: str = "settings.py") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"first = 1\n{text}\n")
    git(root, "add", "--all")


def test_what_the_project_allows_is_in_files_that_are_there() -> None:
    allowed = read_allowed(ROOT / ALLOWED_FILE)

    assert allowed
    files = {path for path, _, _ in allowed} - {"(history)"}
    assert [path for path in files if not (ROOT / path).is_file()] == []


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="an archive has no history")
def test_the_history_of_this_repository_has_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--history"], ROOT)
    assert (code, capsys.readouterr()) == (CLEAN, ("no secrets in the history\n", ""))


def test_a_repository_without_secrets_is_clean(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], repository) == CLEAN
    assert main(["--history"], repository) == CLEAN
    assert capsys.readouterr().out == "no secrets in tracked files\nno secrets in the history\n"


@pytest.mark.parametrize("name", ["settings.py", "tests/unit/test_a.py", "requirements.lock"])
@pytest.mark.parametrize("kind", SECRETS)
def test_a_planted_secret_is_found_and_not_printed(
    repository: Path, kind: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(repository, f'value = "{SECRETS[kind]}"', name)

    assert main([], repository) == FOUND

    out, err = capsys.readouterr()
    assert f"{name}:2: " in err
    assert "revoke it at once" in err
    assert LETTERS not in out + err


@pytest.mark.parametrize(
    "text",
    [
        f'password = "{LETTERS}"',
        'api_key = "hunter2"',
        f'"{base64.b64encode(bytes(range(90, 150))).decode()}"',
    ],
)
def test_what_is_named_like_a_secret_or_looks_random_is_found(repository: Path, text: str) -> None:
    plant(repository, text)

    assert main([], repository) == FOUND


def test_tests_may_make_up_passwords(repository: Path) -> None:
    plant(repository, 'password = "hunter2"', "tests/test_a.py")

    assert main([], repository) == CLEAN


def test_a_comment_in_the_line_allows_nothing(repository: Path) -> None:
    plant(repository, f'api_key = "{LETTERS}"  # pragma: allowlist secret')

    assert main([], repository) == FOUND


def test_a_file_that_is_not_tracked_is_nobody_s(repository: Path) -> None:
    (repository / "notes.txt").write_text(SECRETS["a live key"])

    assert main([], repository) == CLEAN


def test_what_was_looked_at_is_allowed_with_its_reason_where_it_is_and_nowhere_else(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(repository, f"# {SECRETS['a test key']}")

    assert main(["--allow", "made up for the docs"], repository) == CLEAN
    assert main([], repository) == CLEAN
    (reason,) = read_allowed(repository / ALLOWED_FILE).values()
    assert reason == "made up for the docs"
    assert LETTERS not in (repository / ALLOWED_FILE).read_text()

    # Moved within its file it is the same; the next one keeps the reason of the first.
    plant(repository, f"\n\n# {SECRETS['a test key']}\n# {SECRETS['a live key']}")
    assert main([], repository) == FOUND
    assert main(["--allow", "another reason"], repository) == CLEAN
    reasons = read_allowed(repository / ALLOWED_FILE).values()
    assert sorted(reasons) == ["another reason", "made up for the docs"]

    plant(repository, f"# {SECRETS['a test key']}", "elsewhere.py")
    capsys.readouterr()
    assert main([], repository) == FOUND
    assert "elsewhere.py:2" in capsys.readouterr().err


def test_a_permission_that_nobody_needs_any_more_is_told_and_forgotten(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(repository, f"# {SECRETS['a test key']}")
    main(["--allow", "made up"], repository)
    plant(repository, "key = 1")
    capsys.readouterr()

    assert main([], repository) == CLEAN
    assert "an allowed Stripe Secret is no longer there" in capsys.readouterr().out
    assert main(["--allow", "made up"], repository) == CLEAN
    assert read_allowed(repository / ALLOWED_FILE) == {}


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_a_permission_without_a_reason_is_none(
    repository: Path, reason: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = SECRETS["a test key"]
    plant(repository, f"# {secret}")
    one = {"kind": "Stripe Secret", "fingerprint": fingerprint(secret), "reason": reason}
    (repository / ALLOWED_FILE).parent.mkdir(parents=True)
    (repository / ALLOWED_FILE).write_text(json.dumps({"settings.py": [one]}))

    assert main([], repository) == NOT_DONE
    assert "has no reason" in capsys.readouterr().err


def test_a_secret_that_was_taken_out_again_is_in_the_history(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(repository, f'key = "{SECRETS["a live key"]}"')
    commit(repository)
    plant(repository, "key = None")
    commit(repository)

    assert main([], repository) == CLEAN
    assert main(["--history"], repository) == FOUND
    told = capsys.readouterr().err
    assert LETTERS not in told
    assert f"commit {hash_of(repository, 'HEAD~1')}, settings.py:2: Stripe Secret" in told
    assert "`.venv/bin/python -m infra.safety.secrets_scan --history --allow" in told


def test_what_was_looked_at_in_the_history_is_allowed_there_and_in_no_file(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(repository, f'key = "{SECRETS["a test key"]}"')
    commit(repository)
    plant(repository, "key = None")
    commit(repository)

    assert main(["--history", "--allow", "made up, in a first attempt"], repository) == CLEAN
    assert main(["--history"], repository) == CLEAN
    kept = {("(history)", "Stripe Secret", fingerprint(SECRETS["a test key"]))}
    assert set(read_allowed(repository / ALLOWED_FILE)) == kept
    assert LETTERS not in (repository / ALLOWED_FILE).read_text()

    # It is nothing that a file no longer has, and is not forgotten when a file's are written.
    capsys.readouterr()
    assert main(["--allow", "another"], repository) == CLEAN
    assert "no longer there" not in capsys.readouterr().out
    assert set(read_allowed(repository / ALLOWED_FILE)) == kept

    plant(repository, f'key = "{SECRETS["a test key"]}"')
    assert main([], repository) == FOUND
    plant(repository, f'key = "{SECRETS["a live key"]}"')
    commit(repository)
    assert main(["--history"], repository) == FOUND


def test_what_looks_like_a_patch_in_a_file_leads_nobody_astray(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(repository, "++ b/elsewhere.py\n@@ -1 +99 @@", "notes.diff")
    commit(repository)
    plant(repository, f"a = 1\nb = 2\n# {SECRETS['a test key']}", "größe/key.py")
    commit(repository)

    assert main(["--history"], repository) == FOUND
    assert f"{hash_of(repository, 'HEAD')}, größe/key.py:4: " in capsys.readouterr().err


def test_a_folder_without_a_repository_is_looked_at_whole(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/lib.py").write_text(SECRETS["a live key"])
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github/test.yml").write_text("on: push\n")
    (tmp_path / "app.py").write_text(SECRETS["a live key"])

    assert tracked_files(tmp_path) == [".github/test.yml", "app.py"]
    assert main([], tmp_path) == FOUND


def test_a_broken_repository_and_a_missing_git_are_told(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / ".git/HEAD").write_text("nonsense")
    assert main([], repository) == NOT_DONE
    assert "git failed" in capsys.readouterr().err

    monkeypatch.setenv("PATH", str(repository))
    assert main([], repository) == NOT_DONE
    assert "git is missing" in capsys.readouterr().err
