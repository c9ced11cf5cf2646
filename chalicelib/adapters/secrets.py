"""Secrets: from the environment where one is set (local run, tests), else from an SSM parameter
whose name is in the environment. Neither value nor its length appears in an error or a log.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from chalicelib.adapters.secret_rules import split_secrets, what_is_wrong
from chalicelib.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from botocore.session import Session

# A secret that was rolled in SSM is in use everywhere after this, without a deployment.
_KEEP_SECONDS = 300.0
# While a parameter is missing or malformed every request fails; SSM need not hear of each.
_KEEP_WRONG_SECONDS = 5.0
# While SSM does not answer, most requests should not wait for it.
_ASK_AGAIN_SECONDS = 10.0
_PARAMETER_SUFFIX = "_PARAMETER"
_SECURE = "SecureString"
# What an operator has to mend ("GetParameter", "Errors"); all else passes by itself.
_MISCONFIGURED = frozenset(
    {"ParameterNotFound", "AccessDeniedException", "ValidationException", "InvalidKeyId"}
)

Fetch = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A secret, and from when on it is kept."""

    value: str
    since: float


@dataclass(frozen=True, slots=True)
class _Wrong:
    """Why a secret cannot be used, and when that was found."""

    message: str
    found_at: float


class Secrets:
    """Reads secrets by the name of their environment variable and keeps them for five minutes, and
    for longer while SSM does not answer.

    Many threads may ask at once; SSM is then asked by one of them.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        fetch: Fetch | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._env = env
        self._fetch = fetch or ParameterStore().read
        self._now = now
        self._kept: dict[str, _Kept] = {}
        self._wrong: dict[str, _Wrong] = {}
        self._asked_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> str:
        """Return the secret; raises `ConfigurationError` where there is none that can be one, or
        `Unavailable`.
        """
        value = self._of_environment(name)
        if value:
            return value
        kept = self._fresh(name)
        if kept is not None:
            return kept
        with self._lock:
            return self._fresh(name) or self._read(name)

    def get_list(self, name: str) -> tuple[str, ...]:
        """Return a comma-separated secret, such as an old and a new one while it is rolled."""
        return split_secrets(self.get(name))

    def renewed(self, name: str, refused: str, pause: float) -> str | None:
        """Return another secret than the one that has just not worked, if there is one by now.

        SSM is asked again at once, but not within `pause` seconds of the last time, whoever asked
        it then: strangers can make a secret not work. Raises `ConfigurationError`, or
        `Unavailable` where none was ever read.
        """
        if self._of_environment(name):
            return None
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None and kept.value != refused:
                return kept.value
            if self._now() - self._asked_at.get(name, -pause) < pause:
                return None
            value = self._read(name)
        return None if value == refused else value

    def renewed_list(
        self, name: str, refused: tuple[str, ...], pause: float
    ) -> tuple[str, ...] | None:
        """Return other secrets than those that have just not worked; see `renewed`.

        One that is wrong now is none: anybody can send what does not hold, and what is known goes
        on working until its time is over.
        """
        known = self.get(name)
        if split_secrets(known) != refused:
            return split_secrets(known)
        try:
            value = self.renewed(name, known, pause)
        except ConfigurationError:
            self._wrong.pop(name, None)
            return None
        return None if value is None else split_secrets(value)

    def _of_environment(self, name: str) -> str:
        value = self._env.get(name, "").strip()
        if value:
            self._check(name, value, f"the setting {name}")
        return value

    def _fresh(self, name: str) -> str | None:
        """Return what was read a short while ago; raises again what was wrong a moment ago."""
        wrong = self._wrong.get(name)
        if wrong is not None and self._now() - wrong.found_at < _KEEP_WRONG_SECONDS:
            raise ConfigurationError(wrong.message)
        kept = self._kept.get(name)
        is_fresh = kept is not None and self._now() - kept.since < _KEEP_SECONDS
        return kept.value if kept is not None and is_fresh else None

    def _read(self, name: str) -> str:
        """Ask SSM; where it does not answer, what was known goes on being used."""
        parameter = self._parameter(name)
        self._asked_at[name] = self._now()
        try:
            value = self._fetch(parameter).strip()
            self._check(name, value, f"the SSM parameter {parameter}")
        except Unavailable:
            kept = self._kept.get(name)
            if kept is None:
                raise
            ask_again = self._now() - _KEEP_SECONDS + _ASK_AGAIN_SECONDS
            self._kept[name] = _Kept(kept.value, ask_again)
            return kept.value
        except ConfigurationError as error:
            self._wrong[name] = _Wrong(str(error), self._now())
            raise
        self._kept[name] = _Kept(value, self._now())
        self._wrong.pop(name, None)
        return value

    def _check(self, name: str, value: str, told_as: str) -> None:
        stage = self._env.get("STAGE", "")
        wrong = what_is_wrong(name, value, stage) if value else "is empty"
        if wrong is not None:
            raise ConfigurationError(f"{told_as} {wrong}")

    def _parameter(self, name: str) -> str:
        parameter = self._env.get(name + _PARAMETER_SUFFIX, "").strip()
        if not parameter:
            raise ConfigurationError(
                f"neither {name} nor {name}{_PARAMETER_SUFFIX} (an SSM parameter's name) is set"
            )
        return parameter


class ParameterStore:
    """SSM's Parameter Store, through one client that is made on first use.

    `known_session` may give a session of botocore's that a client was made of before: what it has
    read of AWS's endpoints is not read again then, which takes longer than the call.
    """

    def __init__(self, known_session: Callable[[], "Session | None"] = lambda: None) -> None:
        self._known_session = known_session
        self._client: Any = None
        self.session: Session | None = None

    def read(self, parameter: str) -> str:
        """Read a SecureString, decrypted.

        Raises `ConfigurationError` where the parameter does not exist, may not be read or is no
        SecureString, and `Unavailable` where SSM does not answer.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._connected().get_parameter(Name=parameter, WithDecryption=True)
        except ClientError as error:
            _raise_refusal(parameter, error.response.get("Error", {}).get("Code", ""))
        except BotoCoreError:
            raise _unreachable() from None
        found = answer["Parameter"]
        if found["Type"] != _SECURE:
            raise ConfigurationError(
                f"the SSM parameter {parameter} is a {found['Type']}: anybody who may list "
                f"parameters can read it; put it again as a {_SECURE}, and roll the secret"
            )
        value: str = found["Value"]
        return value

    def _connected(self) -> Any:  # noqa: ANN401 - botocore makes its clients' classes as it runs
        if self._client is None:
            import botocore.config
            import botocore.session

            limits = botocore.config.Config(
                connect_timeout=1,
                read_timeout=1,
                retries={"total_max_attempts": 2, "mode": "standard"},
            )
            self.session = self._known_session() or botocore.session.get_session()
            self._client = self.session.create_client("ssm", config=limits)
        return self._client


def _raise_refusal(parameter: str, code: str) -> NoReturn:
    if code in _MISCONFIGURED:
        raise ConfigurationError(f"the SSM parameter {parameter} cannot be read: {code}") from None
    raise _unreachable() from None


def _unreachable() -> Unavailable:
    return Unavailable("the settings cannot be reached right now; try again")
