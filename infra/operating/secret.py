"""`python -m infra.operating.secret`: puts a secret of Stripe's where a stage's functions read it.

The value comes from standard input, or from a prompt that does not show it: never from an argument
or a variable, where other programs and the shell's history would see it. It is checked by the rules
that the functions go by, and shown by nobody.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from getpass import getpass
from typing import Any

import botocore.exceptions

from chalicelib.adapters.secret_rules import (
    SECRET_KEY,
    WEBHOOK_SECRET,
    is_production,
    split_secrets,
    what_is_wrong,
)
from chalicelib.settings import LOCAL_STAGE
from infra.deploying.errors import explained
from infra.operating.aws_session import open_session
from infra.packaging.parameters import parameters
from infra.packaging.stages import stage_names

# The setting that a secret is read as, by what an operator calls it.
NAMES: Mapping[str, str] = {
    "stripe-secret-key": SECRET_KEY,
    "stripe-webhook-secret": WEBHOOK_SECRET,
}
_SECURE = "SecureString"


class SecretError(Exception):
    """It was not stored; the text says why, and never the value."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A parameter as it is in SSM; `key_id` names the KMS key that it is encrypted with."""

    value: str
    version: int
    key_id: str | None


class SecretParameter:
    """One secret of a stage, in SSM; encrypted with `kms_key`, or the key that it has."""

    def __init__(
        self,
        name: str,
        stage: str,
        parameter: str,
        ssm: Any,  # noqa: ANN401 - botocore makes its clients' classes as it runs
        kms_key: str | None = None,
    ) -> None:
        self.parameter = parameter
        self._kms_key = kms_key
        self._setting = NAMES[name]
        self._stage = stage
        self._ssm = ssm

    def put(self, value: str) -> int:
        """Store a value in place of the one before; returns its version."""
        return self._store(value, self._stored())

    def add(self, secret: str) -> int:
        """Store another secret before those that are there, for as long as both sign."""
        stored = self._stored()
        old = () if stored is None else split_secrets(stored.value)
        if stored is not None and old[:1] == (secret,):
            return stored.version
        return self._store(",".join((secret, *(one for one in old if one != secret))), stored)

    def drop_old(self) -> int:
        """Keep the secret that was added last, and no other."""
        stored = self._stored()
        if stored is None:
            raise SecretError(f"there is no {self.parameter} yet")
        secrets = split_secrets(stored.value)
        if len(secrets) == 1:
            return stored.version
        return self._store(next(iter(secrets), ""), stored)

    def _store(self, value: str, before: Stored | None) -> int:
        wrong = what_is_wrong(self._setting, value, self._stage) if value else "is empty"
        if wrong is not None:
            raise SecretError(f"nothing was stored: the value {wrong}")
        # Without it, a parameter with a key of its own would fall back to the account's.
        key_id = self._kms_key or (before.key_id if before is not None else None)
        key = {"KeyId": key_id} if key_id else {}
        with _told_errors(self.parameter):
            answer = self._ssm.put_parameter(
                Name=self.parameter, Value=value, Type=_SECURE, Overwrite=before is not None, **key
            )
        version: int = answer["Version"]
        return version

    def _stored(self) -> Stored | None:
        with _told_errors(self.parameter):
            try:
                found = self._ssm.get_parameter(Name=self.parameter, WithDecryption=True)
            except self._ssm.exceptions.ParameterNotFound:
                return None
            described = self._ssm.describe_parameters(
                ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [self.parameter]}]
            )
        parameter = found["Parameter"]
        if parameter["Type"] != _SECURE:
            raise SecretError(
                f"{self.parameter} is a {parameter['Type']}, which SSM does not turn into a "
                f"{_SECURE}: delete it, run this again, and roll the secret"
            )
        key_id = next((item.get("KeyId") for item in described["Parameters"]), None)
        return Stored(parameter["Value"], parameter["Version"], key_id)


def main(arguments: Sequence[str] | None = None) -> int:
    """Store a secret; 1 where it was not."""
    chosen = _parser().parse_args(arguments)
    try:
        parameter = _open(chosen)
        version = _change(parameter, chosen)
    except SecretError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{parameter.parameter} is at version {version}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.operating.secret", description=__doc__)
    parser.add_argument("name", choices=sorted(NAMES))
    parser.add_argument("--stage", required=True)
    parser.add_argument(
        "--parameter", help="the parameter's name, where it is not /events-api/<stage>/<name>"
    )
    parser.add_argument("--kms-key", help="a KMS key of your own to encrypt it with")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--add", action="store_true", help="keep the webhook secret that is there too")
    how.add_argument("--drop-old", action="store_true", help="keep the newest webhook secret only")
    return parser


def _open(chosen: argparse.Namespace) -> SecretParameter:
    name, stage = chosen.name, chosen.stage
    if stage == LOCAL_STAGE:
        raise SecretError(
            "the local run reads its secrets from the environment (README, Real Stripe on the "
            "laptop)"
        )
    # A typing mistake would be stored where no stage ever looks.
    if chosen.parameter is None and stage not in stage_names():
        raise SecretError(
            f"there is no stage {stage!r}: it is {' or '.join(stage_names())} (STAGE=), unless "
            "PARAMETER= names the parameter"
        )
    try:
        ssm = open_session().client("ssm")
    except botocore.exceptions.BotoCoreError as error:
        raise SecretError(explained(error)) from None
    parameter = chosen.parameter or _default_parameter(name, stage)
    return SecretParameter(name, stage, parameter, ssm, chosen.kms_key)


def _default_parameter(name: str, stage: str) -> str:
    """Return the name that the stack reads the secret under, unless it was told another."""
    (default,) = (
        item.default for item in parameters(stage) if item.setting == f"{NAMES[name]}_PARAMETER"
    )
    assert default is not None
    return default


def _change(parameter: SecretParameter, chosen: argparse.Namespace) -> int:
    if (chosen.add or chosen.drop_old) and NAMES[chosen.name] != WEBHOOK_SECRET:
        raise SecretError(
            "only webhook secrets can be several; Stripe keeps an old key for a while"
        )
    if chosen.drop_old:
        return parameter.drop_old()
    value = _read_value(chosen.name, chosen.stage)
    return parameter.add(value) if chosen.add else parameter.put(value)


def _read_value(name: str, stage: str) -> str:
    """Return what is typed unseen, or piped; the line break at its end is none of it."""
    if sys.stdin.isatty():
        kind = "live" if is_production(stage) else "test"
        hint = f"sk_{kind}_… or rk_{kind}_…" if NAMES[name] == SECRET_KEY else "whsec_…"
        return getpass(f"{name} of {stage} ({hint}; it is not shown): ").strip()
    return sys.stdin.read().strip()


@contextlib.contextmanager
def _told_errors(parameter: str) -> Iterator[None]:
    """Tell what SSM refused by its code: its own text may have the request in it."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an unknown error")
        raise SecretError(f"SSM refused {parameter}: {code}") from None
    except botocore.exceptions.ParamValidationError:
        raise SecretError(f"SSM takes no parameter {parameter} with this value") from None
    except botocore.exceptions.BotoCoreError as error:
        raise SecretError(explained(error)) from None


if __name__ == "__main__":
    sys.exit(main())
