"""Secrets: from the environment where one is set (local run, tests), else from an SSM parameter
whose name is in the environment. Neither value nor its length appears in an error or a log.
"""

import time
from collections.abc import Callable, Mapping

from chalicelib.errors import ConfigurationError, Unavailable

# A secret that was rolled in SSM is in use everywhere after this, without a deployment.
_KEEP_SECONDS = 300.0
_PARAMETER_SUFFIX = "_PARAMETER"

Fetch = Callable[[str], str]


class Secrets:
    """Reads secrets by the name of their environment variable and keeps them for five minutes, and
    for longer while SSM does not answer.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        fetch: Fetch | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._env = env
        self._fetch = fetch or fetch_parameter
        self._now = now
        self._kept: dict[str, tuple[float, str]] = {}

    def get(self, name: str) -> str:
        """Return the secret; raises `ConfigurationError` where there is none, or `Unavailable`."""
        value = self._env.get(name, "").strip()
        if value:
            return value
        kept = self._kept.get(name)
        if kept is not None and self._now() - kept[0] < _KEEP_SECONDS:
            return kept[1]
        try:
            value = self._fetch(self._parameter(name)).strip()
        except Unavailable:
            if kept is None:
                raise
            return kept[1]
        if not value:
            raise ConfigurationError(f"the SSM parameter {self._parameter(name)} is empty")
        self._kept[name] = (self._now(), value)
        return value

    def get_list(self, name: str) -> tuple[str, ...]:
        """Return a comma-separated secret, such as an old and a new one while it is rolled."""
        secrets = tuple(part.strip() for part in self.get(name).split(",") if part.strip())
        if not secrets:
            raise ConfigurationError(f"{name} holds commas and no secret")
        return secrets

    def _parameter(self, name: str) -> str:
        parameter = self._env.get(name + _PARAMETER_SUFFIX, "").strip()
        if not parameter:
            raise ConfigurationError(
                f"neither {name} nor {name}{_PARAMETER_SUFFIX} (an SSM parameter's name) is set"
            )
        return parameter


def fetch_parameter(parameter: str) -> str:
    """Read a SecureString from SSM Parameter Store, decrypted.

    Raises `ConfigurationError` where the parameter does not exist or may not be read, and
    `Unavailable` where SSM does not answer.
    """
    import botocore.config
    import botocore.session
    from botocore.exceptions import BotoCoreError, ClientError

    limits = botocore.config.Config(
        connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 2, "mode": "standard"}
    )
    ssm = botocore.session.get_session().create_client("ssm", config=limits)
    try:
        answer = ssm.get_parameter(Name=parameter, WithDecryption=True)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in {"ParameterNotFound", "AccessDeniedException", "ValidationException"}:
            raise ConfigurationError(
                f"the SSM parameter {parameter} cannot be read: {code}"
            ) from error
        raise Unavailable("the settings cannot be reached right now; try again") from error
    except BotoCoreError as error:
        raise Unavailable("the settings cannot be reached right now; try again") from error
    value: str = answer["Parameter"]["Value"]
    return value
