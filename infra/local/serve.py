"""`python -m infra.local.serve`: the whole API on this machine, until Ctrl-C."""

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from chalicelib.errors import ConfigurationError
from chalicelib.settings import HttpSettings
from infra.local.banner import banner
from infra.local.children import Children, StartError, ensure_port_free
from infra.local.claim import StateInUse, claimed_state
from infra.local.settings import (
    ENDPOINTS_FILE,
    HOST,
    STATE_DIR,
    LocalRun,
    SettingsError,
    check_settings,
    read_local_run,
)
from infra.local.whole_lines import WholeLines

_WATCH_SECONDS = 0.5


def main() -> int:
    """Start everything, serve until interrupted, stop everything; 1 if it could not start."""
    try:
        run = read_local_run()
        with claimed_state(), redirect_stdout(WholeLines(sys.stdout)):
            _ensure_ports_free(run)
            _apply(run)
            with _children(run) as children:
                _serve(run, children)
    except (SettingsError, ConfigurationError, StartError, StateInUse) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _ensure_ports_free(run: LocalRun) -> None:
    ensure_port_free(run.ports.api, "the API", "PORT")
    if run.starts_stripe:
        ensure_port_free(run.ports.stripe, "the local Stripe", "STRIPE_PORT")
    if run.starts_issuer:
        ensure_port_free(run.ports.issuer, "the issuer of tokens", "ISSUER_PORT")
    if run.starts_dynamodb:
        ensure_port_free(run.ports.dynamodb, "DynamoDB", "DYNAMODB_PORT")
    if run.starts_mail:
        ensure_port_free(run.ports.mail, "the local mail server", "MAIL_PORT")


def _apply(run: LocalRun) -> None:
    """Give this process the functions' environment, before any of them reads it."""
    for name, value in run.environment.items():
        if value:
            os.environ[name] = value
        else:
            # An empty AWS_PROFILE is a profile that does not exist.
            os.environ.pop(name, None)
    check_settings(os.environ)


@contextmanager
def _children(run: LocalRun) -> Iterator[Children]:
    children = Children(STATE_DIR / "logs")
    # Both end the same way. Ctrl-C is set too: a shell that starts this in the background has
    # Python ignore it.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _start_stand_ins(run, children)
        yield children
    except KeyboardInterrupt:
        pass
    finally:
        children.stop()


def _interrupt(_number: int, _frame: object) -> None:
    """End, once: an impatient second Ctrl-C must not cut the stopping short."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _start_stand_ins(run: LocalRun, children: Children) -> None:
    at = run.endpoints
    if run.starts_dynamodb:
        children.start(
            "dynamodb", [_ministack()], _ministack_env(run), f"{at['dynamodb']}/_ministack/health"
        )
    if run.starts_issuer:
        children.start(
            "issuer",
            [
                *_module("infra.local.issuer"),
                *("--host", HOST, "--port", str(run.ports.issuer)),
                *("--state-dir", str(STATE_DIR / "issuer")),
            ],
            {},
            f"{at['issuer']}/healthz",
        )
    if run.starts_stripe:
        children.start(
            "stripe",
            [
                *_module("infra.local.stripe_server"),
                *("--host", HOST, "--port", str(run.ports.stripe)),
                *("--state-dir", str(STATE_DIR / "stripe")),
                *("--webhook-url", run.webhook_url),
            ],
            # Secrets go by the environment: arguments are for all the machine to see.
            {
                "STRIPE_SECRET_KEY": run.environment["STRIPE_SECRET_KEY"],
                "STRIPE_WEBHOOK_SECRET": run.environment["STRIPE_WEBHOOK_SECRET"].split(",")[0],
            },
            f"{at['stripe']}/healthz",
        )
    if run.starts_mail:
        children.start(
            "mail",
            [
                *_module("infra.local.mail_server"),
                *("--host", HOST, "--port", str(run.ports.mail)),
                *("--folder", str(STATE_DIR / "mail")),
            ],
            {},
            f"{at['mail']}/healthz",
        )


def _module(name: str) -> tuple[str, ...]:
    return sys.executable, "-m", name


def _ministack() -> str:
    """Return ministack's program: it pins botocore, so it has a virtual environment of its own."""
    program = Path(os.environ.get("MINISTACK") or ".venv-ministack/bin/ministack")
    if not program.exists():
        raise StartError(f"{program} is missing: `make serve` installs it")
    return str(program)


def _ministack_env(run: LocalRun) -> dict[str, str]:
    scratch = STATE_DIR / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    return {
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(run.ports.dynamodb),
        "SERVICES": "dynamodb",
        "PERSIST_STATE": "1",
        "STATE_DIR": str((STATE_DIR / "dynamodb").absolute()),
        "TMPDIR": str(scratch.absolute()),
        "LOG_LEVEL": "WARNING",
    }


def _serve(run: LocalRun, children: Children) -> None:
    # Imported now that the environment is theirs: the app is loaded with them.
    from chalicelib import wiring
    from infra.local.functions import load_functions
    from infra.local.gateway import GatewayConfig, create_gateway, running
    from infra.local.tables import prepare_tables
    from infra.local.timer import ticking
    from infra.packaging import api_definition
    from infra.packaging.parameters import TIMER
    from infra.throttling import read_throttling

    _log_as_lambda_does()
    filled = prepare_tables()
    functions = load_functions()
    gateway = create_gateway(
        api_definition(run.environment["STAGE"], HttpSettings.read(os.environ).cors_origins),
        functions,
        GatewayConfig(
            stage=run.environment["STAGE"],
            api_keys=run.api_keys,
            throttling=read_throttling() if run.throttles else None,
            observe=wiring.process_figures().record,
        ),
    )
    with running(gateway, HOST, run.ports.api), ticking(functions[TIMER]):
        ENDPOINTS_FILE.write_text(json.dumps(dict(run.endpoints), indent=2) + "\n")
        print(banner(run, filled=filled), flush=True)
        _watch(children)


def _log_as_lambda_does() -> None:
    """Write what is logged outside Powertools as JSON with all its fields, as Lambda writes it."""
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

    handler = logging.StreamHandler()
    handler.setFormatter(LambdaPowertoolsFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def _watch(children: Children) -> None:
    """Wait for Ctrl-C; raise `StartError` when a stand-in ends by itself."""
    pause = threading.Event()
    while not pause.wait(_WATCH_SECONDS):
        dead = children.dead()
        if dead is not None:
            raise StartError(f"{dead} ended by itself; see {children.log_dir / dead}.log")


if __name__ == "__main__":
    sys.exit(main())
