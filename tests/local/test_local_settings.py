"""What the local run starts, and what it leaves to the environment."""

from pathlib import Path

import pytest

from chalicelib.errors import ConfigurationError
from chalicelib.settings import MailSettings
from infra.local import reset, serve
from infra.local.banner import banner
from infra.local.children import Children, StartError
from infra.local.settings import SettingsError, check_settings, read_local_run


def test_without_any_setting_everything_is_local() -> None:
    run = read_local_run({})

    assert (run.starts_stripe, run.starts_issuer) == (True, True)
    assert (run.starts_dynamodb, run.starts_mail) == (True, True)
    assert run.endpoints == {
        "api": "http://127.0.0.1:8000",
        "stripe": "http://127.0.0.1:8001",
        "issuer": "http://127.0.0.1:8002",
        "jwks": "http://127.0.0.1:8002/.well-known/jwks.json",
        "dynamodb": "http://127.0.0.1:8003",
        "mail": "http://127.0.0.1:8004",
    }
    assert run.environment["AWS_ENDPOINT_URL_SESV2"] == run.endpoints["mail"]
    assert MailSettings.read(run.environment).enabled
    assert run.environment["STRIPE_API_BASE"] == run.endpoints["stripe"]
    assert run.environment["AWS_ACCESS_KEY_ID"] == "local"


def test_the_ports_follow_the_api_unless_they_are_set() -> None:
    ports = read_local_run({"PORT": "9000", "ISSUER_PORT": "7000"}).ports

    assert (ports.api, ports.stripe, ports.issuer) == (9000, 9001, 7000)
    assert (ports.dynamodb, ports.mail) == (9003, 9004)
    assert read_local_run({"MAIL_PORT": "7001"}).ports.mail == 7001


@pytest.mark.parametrize(
    ("text", "throttles"), [("", False), ("0", False), ("no", False), ("1", True), ("True", True)]
)
def test_throttling_is_off_unless_it_is_switched_on(text: str, throttles: bool) -> None:
    run = read_local_run({"THROTTLE": text})

    assert run.throttles is throttles
    assert ("It throttles" in banner(run, filled=True)) is throttles
    assert not read_local_run({}).throttles


def test_a_switch_that_is_neither_on_nor_off_is_a_clear_message() -> None:
    with pytest.raises(SettingsError, match="THROTTLE must be 1 or 0, not 'maybe'"):
        read_local_run({"THROTTLE": "maybe"})


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "٣"])
def test_a_port_that_is_none_is_a_clear_message(port: str) -> None:
    with pytest.raises(SettingsError, match="PORT must be a port from 1 to 65535"):
        read_local_run({"PORT": port})


def test_two_parts_cannot_have_one_port() -> None:
    with pytest.raises(SettingsError, match="must be five ports, not 8000, 8000, 8002, 8003, 8004"):
        read_local_run({"STRIPE_PORT": "8000"})
    with pytest.raises(SettingsError, match="must be five ports, not 8000, 8001, 8002, 8003, 8001"):
        read_local_run({"MAIL_PORT": "8001"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CORS_ORIGINS", "notanorigin"),
        ("CHECKOUT_ALLOWED_ORIGINS", "https://shop.example/"),
        ("STRIPE_API_BASE", "foo"),
        ("JWT_ISSUER", "not-a-url"),
        ("ALLOW_DATABASE_RESET", "maybe"),
        ("SPREAD_STOCK", "true"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_REPLY_TO", "nobody"),
    ],
)
def test_a_setting_that_no_function_could_use_is_told_at_once(name: str, value: str) -> None:
    run = read_local_run({})
    with pytest.raises(ConfigurationError, match=name):
        check_settings({**run.environment, name: value})
    check_settings(run.environment)


def test_with_stripes_keys_the_real_stripe_is_used() -> None:
    run = read_local_run(
        {"STRIPE_SECRET_KEY": "sk_test_real", "STRIPE_WEBHOOK_SECRET": "whsec_listen"}
    )

    assert not run.starts_stripe
    assert "STRIPE_API_BASE" not in run.environment
    assert run.environment["STRIPE_SECRET_KEY"] == "sk_test_real"
    assert run.endpoints["stripe"] == "https://api.stripe.com"


def test_a_stripe_key_without_a_webhook_secret_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match="stripe listen --forward-to") as refused:
        read_local_run({"STRIPE_SECRET_KEY": "sk_test_real"})

    assert "sk_test_real" not in str(refused.value)


def test_another_stripe_issuer_and_dynamodb_are_used_and_not_started() -> None:
    run = read_local_run(
        {
            "STRIPE_API_BASE": "http://127.0.0.1:12111",
            "JWT_ISSUER": "https://clerk.example",
            "JWT_JWKS_URL": "https://clerk.example/keys",
            "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8989",
        }
    )

    assert (run.starts_stripe, run.starts_issuer, run.starts_dynamodb) == (False, False, False)
    assert run.endpoints["stripe"] == "http://127.0.0.1:12111"
    assert run.endpoints["jwks"] == "https://clerk.example/keys"
    # Somebody else's DynamoDB comes with somebody else's credentials.
    assert "AWS_ACCESS_KEY_ID" not in run.environment
    assert "not available" in banner(run, filled=False)


def test_another_ses_is_used_and_not_started() -> None:
    run = read_local_run({"AWS_ENDPOINT_URL_SESV2": "http://127.0.0.1:4579"})

    assert not run.starts_mail
    assert run.endpoints["mail"] == "http://127.0.0.1:4579"
    assert "open it: e-mails" not in banner(run, filled=False)
    assert "open it: e-mails" in banner(read_local_run({}), filled=False)


def test_every_setting_of_a_function_can_be_overruled() -> None:
    defaults = read_local_run({}).environment
    own = {name: "own" for name in defaults if not name.startswith(("AWS_", "STRIPE_API"))}

    chosen = read_local_run({**own, "STRIPE_WEBHOOK_SECRET": "own"}).environment

    assert {name: chosen[name] for name in own} == own


def test_a_program_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    children = Children(tmp_path)

    with pytest.raises(StartError, match="no such luck"):
        children.start(
            "broken", ["sh", "-c", "echo no such luck; exit 3"], {}, "http://127.0.0.1:1"
        )

    children.stop()


def test_a_program_that_will_not_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.local.children._STOP_SECONDS", 0.2)
    monkeypatch.setattr("infra.local.children._answers", lambda _url: True)
    children = Children(tmp_path)
    children.start("stubborn", ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"], {}, "")
    assert children.dead() is None

    children.stop()

    assert children.dead() is None


def test_a_missing_ministack_is_a_clear_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MINISTACK", str(tmp_path / "absent"))

    with pytest.raises(StartError, match="is missing"):
        serve._ministack()


def test_a_reset_is_not_stopped_by_what_a_killed_run_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / ".local/dynamodb"
    data.mkdir(parents=True)
    (tmp_path / ".local/mail").mkdir()
    (tmp_path / ".local/lock").touch()

    assert reset.main() == 0

    assert not data.exists()
    assert not (tmp_path / ".local/mail").exists()
