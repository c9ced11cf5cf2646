"""How an operator stores Stripe's secrets: what gets into SSM, and that nothing gets out."""

import io
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.adapters.secrets import Secrets
from infra.operating import secret
from tests.conftest import ENVIRONMENT
from tests.support.http_server import Reply, closed_port, serving
from tests.support.ministack import ministack

ROOT = Path(__file__).resolve().parents[2]
KEY, WEBHOOK = "stripe-secret-key", "stripe-webhook-secret"
KEY_PARAMETER = "/events-api/dev/stripe-secret-key"
WEBHOOK_PARAMETER = "/events-api/dev/stripe-webhook-secret"


@pytest.fixture
def ssm() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("ssm")


def value_of(ssm: Any, name: str) -> str:
    found = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert found["Type"] == "SecureString"
    value: str = found["Value"]
    return value


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, ssm: Any) -> Callable[..., int]:
    """Returns what runs the command with a value on standard input."""

    def run(value: str, *arguments: str) -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(value))
        return secret.main([*arguments, *(() if "--stage" in arguments else ("--stage", "dev"))])

    return run


def test_a_value_is_stored_encrypted_without_its_line_break_and_not_shown(
    ssm: Any, store: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert store("sk_test_hunter2\n", KEY) == 0
    assert value_of(ssm, KEY_PARAMETER) == "sk_test_hunter2"
    assert capsys.readouterr() == (f"{KEY_PARAMETER} is at version 1\n", "")
    assert store("sk_test_rolled\n", KEY) == 0
    assert value_of(ssm, KEY_PARAMETER) == "sk_test_rolled"
    assert capsys.readouterr() == (f"{KEY_PARAMETER} is at version 2\n", "")


def test_the_functions_read_what_was_stored(ssm: Any, store: Callable[..., int]) -> None:
    store("sk_live_hunter2", KEY, "--stage", "prod")
    named = {"STRIPE_SECRET_KEY_PARAMETER": "/events-api/prod/stripe-secret-key", "STAGE": "prod"}
    assert Secrets(named).get("STRIPE_SECRET_KEY") == "sk_live_hunter2"


@pytest.mark.parametrize(
    "case",
    [
        (KEY, "dev", "", "is empty"),
        (KEY, "dev", " \n", "is empty"),
        (KEY, "dev", "pk_test_hunter2", "publishable"),
        (KEY, "dev", "whsec_hunter2", "swapped"),
        (KEY, "dev", "'sk_test_hunter2'", "quotation mark"),
        (KEY, "dev", "sk_test_hunter2\nsk_test_hunter2", "line break"),
        (KEY, "dev", "sk_live_hunter2", "no production stage"),
        (KEY, "prod", "sk_test_hunter2", "is a production stage"),
        (WEBHOOK, "dev", "sk_test_hunter2", "swapped"),
        (WEBHOOK, "dev", "hunter2", "does not look like"),
    ],
)
def test_what_the_functions_would_refuse_is_not_stored(
    ssm: Any,
    store: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    case: tuple[str, str, str, str],
) -> None:
    name, stage, value, why = case
    assert store(value, name, "--stage", stage) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("nothing was stored: the value ")
    assert why in told.err
    assert "hunter2" not in told.err
    assert ssm.describe_parameters()["Parameters"] == []


def test_a_webhook_secret_is_rolled_with_both_in_use(ssm: Any, store: Callable[..., int]) -> None:
    assert store("whsec_first", WEBHOOK) == 0
    assert store("whsec_second", WEBHOOK, "--add") == 0
    assert value_of(ssm, WEBHOOK_PARAMETER) == "whsec_second,whsec_first"
    assert store("whsec_second", WEBHOOK, "--add") == 0
    assert value_of(ssm, WEBHOOK_PARAMETER) == "whsec_second,whsec_first"
    assert store("", WEBHOOK, "--drop-old") == 0
    assert value_of(ssm, WEBHOOK_PARAMETER) == "whsec_second"


def test_what_is_done_already_makes_no_other_version(
    store: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    store("whsec_first", WEBHOOK, "--add")
    store("whsec_first", WEBHOOK, "--add")
    store("", WEBHOOK, "--drop-old")
    assert capsys.readouterr().out == f"{WEBHOOK_PARAMETER} is at version 1\n" * 3


def test_a_secret_that_comes_back_comes_first_and_once(ssm: Any, store: Callable[..., int]) -> None:
    for value in ("whsec_a", "whsec_b", "whsec_a"):
        store(value, WEBHOOK, "--add")
    assert value_of(ssm, WEBHOOK_PARAMETER) == "whsec_a,whsec_b"


def test_nothing_can_be_dropped_where_nothing_is(
    store: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert store("", WEBHOOK, "--drop-old") == 1
    assert capsys.readouterr().err == f"there is no {WEBHOOK_PARAMETER} yet\n"


@pytest.mark.parametrize("how", ["--add", "--drop-old"])
def test_there_is_one_secret_key(
    store: Callable[..., int], capsys: pytest.CaptureFixture[str], how: str
) -> None:
    assert store("sk_test_hunter2", KEY, how) == 1
    assert "only webhook secrets can be several" in capsys.readouterr().err


def test_a_parameter_that_is_not_encrypted_is_not_written_over(
    ssm: Any, store: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    ssm.put_parameter(Name=KEY_PARAMETER, Value="sk_test_plain", Type="String")
    assert store("sk_test_hunter2", KEY) == 1
    told = capsys.readouterr().err
    assert f"{KEY_PARAMETER} is a String" in told
    assert "sk_test" not in told


def test_a_parameter_keeps_the_kms_key_that_it_was_made_with(
    ssm: Any, store: Callable[..., int]
) -> None:
    ssm.put_parameter(
        Name=KEY_PARAMETER, Value="sk_test_old", Type="SecureString", KeyId="alias/shop"
    )
    store("sk_test_hunter2", KEY)
    [described] = ssm.describe_parameters()["Parameters"]
    assert described["KeyId"] == "alias/shop"


def test_a_kms_key_of_ones_own_can_be_told(ssm: Any, store: Callable[..., int]) -> None:
    for options in (["--kms-key", "alias/mine"], []):
        assert store("sk_test_hunter2", KEY, *options) == 0
        [described] = ssm.describe_parameters()["Parameters"]
        assert described["KeyId"] == "alias/mine"


def test_another_parameters_name_can_be_told(ssm: Any, store: Callable[..., int]) -> None:
    assert store("sk_test_hunter2", KEY, "--parameter", "/shop/key") == 0
    assert value_of(ssm, "/shop/key") == "sk_test_hunter2"


def test_a_stage_that_nobody_knows_is_refused_unless_the_parameter_is_named(
    ssm: Any, store: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert store("sk_test_hunter2", KEY, "--stage", "qa") == 1
    assert capsys.readouterr().err.startswith("there is no stage 'qa': it is dev or prod")
    assert ssm.describe_parameters()["Parameters"] == []
    named = ("--stage", "qa", "--parameter", "/shop/key")
    assert store("sk_test_hunter2", KEY, *named) == 0
    assert value_of(ssm, "/shop/key") == "sk_test_hunter2"


def test_the_local_run_has_no_ssm(
    store: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert store("sk_test_hunter2", KEY, "--stage", "local") == 1
    assert "the local run reads its secrets from the environment" in capsys.readouterr().err


def test_a_value_on_the_command_line_is_not_taken(ssm: Any, store: Callable[..., int]) -> None:
    with pytest.raises(SystemExit):
        store("", KEY, "sk_test_hunter2")


def test_what_ssm_refuses_is_told_by_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    body = b'{"__type": "AccessDeniedException", "message": "sk_test_hunter2"}'
    monkeypatch.setattr("sys.stdin", io.StringIO("sk_test_hunter2"))
    with serving(lambda _: Reply(400, body)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", server.url)
        assert secret.main([KEY, "--stage", "dev"]) == 1
    assert capsys.readouterr().err == f"SSM refused {KEY_PARAMETER}: AccessDeniedException\n"


def test_an_ssm_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setattr("sys.stdin", io.StringIO("sk_test_hunter2"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", closed_port())
    assert secret.main([KEY, "--stage", "dev"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("AWS cannot be reached (Could not connect to the endpoint URL")
    assert told.count("\n") == 1
    assert "hunter2" not in told


def test_without_a_region_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    assert secret.main([KEY, "--stage", "dev"]) == 1
    assert "region" in capsys.readouterr().err


@pytest.fixture(scope="module")
def real_ssm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ministack(tmp_path_factory.mktemp("ssm"), "ssm") as url:
        yield url


def client_of(url: str) -> Any:
    return boto3.client("ssm", endpoint_url=url)


def make(url: str, *arguments: str, **kwargs: Any) -> "subprocess.CompletedProcess[bytes]":
    ready = f".venv/ready-{sys.version_info[0]}.{sys.version_info[1]}"
    return subprocess.run(
        ["make", "-s", "-o", ready, f"PYTHON={sys.executable}", "secret", "STAGE=dev", *arguments],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT, "AWS_ENDPOINT_URL": url},
        check=False,
        timeout=60,
        **kwargs,
    )


def test_make_stores_what_is_piped(real_ssm: str) -> None:
    for arguments, value in (
        ([f"NAME={WEBHOOK}"], b"whsec_first\n"),
        ([f"NAME={WEBHOOK}", "ADD=1"], b"whsec_second\n"),
    ):
        done = make(real_ssm, *arguments, input=value, capture_output=True)
        assert done.returncode == 0, done.stderr
        assert b"whsec" not in done.stdout + done.stderr
    client = client_of(real_ssm)
    assert value_of(client, WEBHOOK_PARAMETER) == "whsec_second,whsec_first"
    assert make(real_ssm, f"NAME={WEBHOOK}", "DROP_OLD=1").returncode == 0
    assert value_of(client, WEBHOOK_PARAMETER) == "whsec_second"
    client.close()


def test_what_is_typed_is_not_echoed(real_ssm: str) -> None:
    client = client_of(real_ssm)
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "infra.operating.secret", KEY, "--stage", "dev"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT, "AWS_ENDPOINT_URL": real_ssm},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    seen = read_until(ours, b"not shown): ")
    arguments = Path(f"/proc/{process.pid}/cmdline")
    if arguments.exists():
        assert b"hunter2" not in arguments.read_bytes()
    os.write(ours, b"sk_test_hunter2\n")
    seen += read_until(ours, b"is at version 1")
    assert process.wait(60) == 0
    os.close(ours)
    assert b"hunter2" not in seen
    assert value_of(client, KEY_PARAMETER) == "sk_test_hunter2"
    client.close()


def read_until(terminal: int, wanted: bytes) -> bytes:
    """Read a terminal until it shows this; fails after half a minute."""
    seen, deadline = b"", time.monotonic() + 120
    while wanted not in seen:
        assert time.monotonic() < deadline, seen
        seen += os.read(terminal, 4096)
    return seen


def test_functions_find_a_rolled_key_in_a_real_parameter_store(
    real_ssm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", real_ssm)
    client = client_of(real_ssm)
    client.put_parameter(Name="/shop/key", Value="sk_test_old", Type="SecureString")
    secrets = Secrets({"STRIPE_SECRET_KEY_PARAMETER": "/shop/key", "STAGE": "dev"})
    assert secrets.get("STRIPE_SECRET_KEY") == "sk_test_old"
    client.put_parameter(Name="/shop/key", Value="sk_test_new", Type="SecureString", Overwrite=True)
    client.close()
    assert secrets.get("STRIPE_SECRET_KEY") == "sk_test_old"
    assert secrets.renewed("STRIPE_SECRET_KEY", "sk_test_old", 0) == "sk_test_new"
