"""The suite's own watch over its logs: what is planted is found."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.observability import BusinessMetrics, StructuredLog
from tests.support.leaks import leaks_in
from tests.support.log_lines import LogLines
from tests.support.log_watch import planted

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl"
TICKET = "01JZX5K7Q8M9N0P1R2S3T4V5W6017M2K9QX4T8W3B6ZC"
PEM = "-----BEGIN PRIVATE " + "KEY-----"
SECRETS = {
    "a token": TOKEN,
    "a token after an underscore": f"token_{TOKEN}",
    "a token after a dash": f"token-{TOKEN}",
    "a bearer": "Authorization: Bearer abcdefgh12345678",
    "a key": "sk-live-4eC39HqLyjWDarjtT1zdp7dc".replace("-", "_"),
    "a restricted key": "rk-test-4eC39HqLyjWDarjtT1zdp7dc".replace("-", "_"),
    "a webhook secret": "whsec-MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".replace("-", "_"),
    "a client secret": "pi_3MtwBw_secret_YrKJUKribcBjcG8HVhfZluoGH",
    "a session": "https://checkout.example/c/cs_test_a1B2c3D4",
    "a free session": f"cs_free_{TICKET}",
    "a ticket": f"POST /api/admin/tickets/{TICKET}/check-in",
    "an AWS key": "ASIAIOSFODNN7EXAMPLE",
    "a bearer in capitals": "AUTHORIZATION: BEARER abcdefgh12345678",
    "basic credentials": "authorization: basic YWRhOmxvdmVsYWNl",
    "an AWS session token": "FwoGZXIvYXdzEBYaDKJ7m/+w3N=",
    "a private key": "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEpAIBAAKCAQEAu1SU1LfVLPHCozMxH2Mo"
    "\n4lgOEePz\n-----END RSA PRIVATE KEY-----",
    "a key's head": PEM,
    "an address in a URL": "/api/users/ada%2Bx%40mail.example",
    "a card": "4242 4242 4242 4242",
    "a card in one": "5555555555554444",
    "a Mastercard of the second range": "2223003122003222",
    "the range's first, in groups": "2221 0000 0000 0009",
    "the range's last, with dashes": "2720-9999-9999-9996",
    "an amex": "3782-822463-10005",
    "an address": "Email address is not verified: ada.lovelace+x@mail.example.org",
}
HARMLESS = (
    "01JZX5K7Q8M9N0P1R2S3T4V5W6 evt_1NG8Du2eZvKYlo2CUI79vXWy pi_3MtwBw2eZvKYlo2C re_3MtwBw",
    "2027-06-15T09:00:00.000Z user_2abcDEF req-1 1790000000000 4242424242424241 1234567812345670",
    # Beside Mastercard's second range; as long as no card of it; a date and a time; milliseconds.
    "2220999999999991 2721000000000004",
    "2223003122005 22230031220032206 2400000000000000000",
    "2026112816355308 20261128163502 2524608000003",
    "GET /api/orders/{id} @blueprint.api(",
    "a @ b",
    "user@host",
    "the header holds no bearer token",
    "a basic test",
    "-----BEGIN PUBLIC KEY-----",
    "1-7b2c-4242424242424242-x",
)


@pytest.fixture
def log(log_lines: LogLines) -> StructuredLog:
    return StructuredLog()


def crash(log: StructuredLog, cause: Exception) -> None:
    """Log what a request would that fails because of something."""

    def fail() -> None:
        raise RuntimeError("while it was handled") from cause

    try:
        fail()
    except RuntimeError:
        log.crash("unexpected_error", {})


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_that_a_line_is_given_is_found(log: StructuredLog, secret: str) -> None:
    with planted() as found:
        log.audit("event_created", {"event": secret})
    assert any("was told" in leak for leak in found)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_taken_out_of_a_line_all_the_same(
    log: StructuredLog, log_lines: LogLines, secret: str
) -> None:
    with planted() as found:
        log.audit("event_created", {"event": f"before {secret} after"})
    assert not any("wrote" in leak for leak in found)
    [line] = log_lines
    assert "[redacted]" in line["event"]
    assert line["event"].startswith("before ")
    assert line["event"].endswith(" after")


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_taken_out_of_an_exceptions_trace(
    log: StructuredLog, log_lines: LogLines, secret: str
) -> None:
    cause = ValueError(secret)
    cause.add_note(secret)
    crash(log, cause)
    assert leaks_in(log_lines.text) == []
    [line] = log_lines
    assert "RuntimeError: while it was handled" in line["exception"]
    assert "test_log_watch.py" in line["exception"]


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_taken_out_however_deep_it_is_and_out_of_names(
    log: StructuredLog, log_lines: LogLines, secret: str
) -> None:
    with planted() as found:
        log.error(  # noqa: PLE1205 - no logger of logging's
            "failed",
            {
                "answer": {"errors": [{"text": secret}, (secret, 7, None, True)]},
                "names": {secret: {"known": 1.5}},
                "some": {secret},
                "cause": ValueError(secret),
            },
        )
    assert not any("wrote" in leak for leak in found)
    [line] = log_lines
    (first, second) = line["answer"]["errors"]
    assert "[redacted]" in first["text"]
    assert ("[redacted]" in second[0], second[1:]) == (True, [7, None, True])
    ((name, known),) = line["names"].items()
    assert ("[redacted]" in name, known) == (True, {"known": 1.5})
    assert "[redacted]" in line["some"][0]
    assert "[redacted]" in line["cause"]


def test_of_a_private_key_nothing_is_left(log: StructuredLog, log_lines: LogLines) -> None:
    for secret in (SECRETS["a private key"], SECRETS["a private key"].replace("\n", "\\n")):
        with planted():
            log.audit("event_created", {"event": f"before {secret} after"})
    assert [line["event"] for line in log_lines] == ["before [redacted] after"] * 2


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(log: StructuredLog, log_lines: LogLines, text: str) -> None:
    log.audit("event_created", {"event": text})
    [line] = log_lines
    assert line["event"] == text


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_not_taken_for_one(text: str) -> None:
    assert leaks_in(text) == []


def test_of_a_token_nothing_is_left_whatever_stands_before_it(
    log: StructuredLog, log_lines: LogLines
) -> None:
    with planted():
        log.audit("event_created", {"event": f"token_{TOKEN} token-{TOKEN} ({TOKEN})"})
    [line] = log_lines
    assert line["event"] == "token_[redacted] token-[redacted] ([redacted])"


@pytest.mark.parametrize("logger", ["authorizer", "botocore", "any.other"])
def test_other_loggers_are_read_too_with_their_traces(logger: str) -> None:
    with planted() as found:
        logging.getLogger(logger).warning("refused %s", TOKEN)
        error = ValueError("ada@mail.example")
        logging.getLogger(logger).error("failed", exc_info=error)
    assert [leak.partition(": ")[2].partition(":")[0] for leak in found] == [
        "a token",
        "an e-mail address",
    ]


def test_a_long_line_is_looked_through_in_no_time(log: StructuredLog) -> None:
    """A pattern that starts again at every letter would take minutes."""
    with planted():
        for part in ("a", "4", "2221", "eyJ", "_eyJ", "a_", "x@", "4 ", "pi_", "a%40", "FwoG", PEM):
            log.audit("event_created", {"event": part * 50_000})


PLANTED = f"""
import json
import logging
from chalicelib.observability import StructuredLog

def test_good():
    StructuredLog().audit("event_created", {{"event": "gala"}})
    print(json.dumps({{"CheckoutStarted": 1}}))

def test_address():
    StructuredLog().security("refused", {{"why": "ada@mail.example"}})

def test_token():
    logging.getLogger("authorizer").warning("{TOKEN}")

def test_printed():
    print(json.dumps({{"stage": "sk-live-4eC39HqLyjWDarjtT1zdp7dc".replace("-", "_")}}))

def test_good_again():
    pass
"""


def test_a_test_that_gives_something_away_fails_and_no_other_does(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(PLANTED)
    command = ["-m", "pytest", "-p", "tests.support.log_watch", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        [sys.executable, *command, "-rA", f"--rootdir={tmp_path}", "-c", os.devnull, tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    summary = done.stdout.partition("short test summary info")[2]
    blamed = re.findall(r"^(FAILED|ERROR) .*::(\w+)", summary, re.MULTILINE)
    assert set(blamed) == {
        ("ERROR", "test_address"),
        ("ERROR", "test_token"),
        ("FAILED", "test_printed"),
    }
    assert "an e-mail address" in done.stdout
    assert "ada@mail.example" not in summary


def test_metrics_name_no_one(capsys: pytest.CaptureFixture[str]) -> None:
    BusinessMetrics().count("CheckoutStarted")
    line = json.loads(capsys.readouterr().out)
    assert line["CheckoutStarted"] == [1.0]
    assert set(line) == {"_aws", "stage", "CheckoutStarted"}
