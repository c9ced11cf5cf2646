"""What a secret looks like: detect-secrets' detectors, and the shapes that it does not know.

`exact` ones have a shape that nothing else has, and are looked for in everything, the history
included. `suspicious` ones are guessed at by names and by chance.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detect_secrets.core.scan import scan_file
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.private_key import PrivateKeyDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.settings import transient_settings


class StripeSecretDetector(RegexBasedDetector):
    """Stripe's secret and restricted keys and webhook secrets, of live and of test mode.

    detect-secrets knows live keys only, and no webhook secrets ("API keys", "Receive Stripe events
    in your webhook endpoint").
    """

    secret_type = "Stripe Secret"  # noqa: S105 - a kind's name
    denylist = (
        re.compile(r"(?<![A-Za-z0-9])[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
        re.compile(r"(?<![A-Za-z0-9])whsec_[A-Za-z0-9+/=]{16,}"),
    )


_EXACT: Final[tuple[BasePlugin, ...]] = (
    StripeSecretDetector(),
    AWSKeyDetector(),
    JwtTokenDetector(),
    PrivateKeyDetector(),
    GitHubTokenDetector(),
    GitLabTokenDetector(),
    NpmDetector(),
    PypiTokenDetector(),
    SendGridDetector(),
    SlackDetector(),
)
_IN_ADDRESSES: Final = BasicAuthDetector()
_BY_CHANCE: Final = ("Base64HighEntropyString", "HexHighEntropyString")
_BY_NAME: Final = ("KeywordDetector",)
# Without detect-secrets' own ways around it: a comment in the line, files named `swagger` or lock.
_FILTERS: Final = (
    "is_indirect_reference",
    "is_likely_id_string",
    "is_not_alphanumeric_string",
    "is_potential_uuid",
    "is_prefixed_with_dollar_sign",
    "is_sequential_string",
    "is_templated_secret",
)


def exact(text: str) -> Iterator[tuple[str, str, int]]:
    """Find secrets by their shape; gives each one's kind, the secret itself and its first line."""
    for detector in _EXACT:
        for secret in sorted(set(detector.analyze_string(text))):
            yield detector.secret_type, secret, text[: text.find(secret)].count("\n") + 1
    for number, line in enumerate(text.split("\n"), 1):
        # Its expression would take the rest of an address from another line.
        if "://" in line and "@" in line:
            for secret in _IN_ADDRESSES.analyze_string(line):
                yield _IN_ADDRESSES.secret_type, secret, number


def suspicious(path: Path, *, by_name: bool) -> Iterator[tuple[str, str, int]]:
    """Find what looks random in a file and, `by_name`, whatever is assigned to a `password`, a
    `secret` or the like; gives each one's kind, the secret itself and its line.
    """
    detectors = (*_BY_CHANCE, *(_BY_NAME if by_name else ()))
    settings = {
        "plugins_used": [{"name": name} for name in detectors],
        "filters_used": [{"path": f"detect_secrets.filters.heuristic.{name}"} for name in _FILTERS],
    }
    with transient_settings(settings):
        for found in scan_file(str(path)):
            yield found.type, found.secret_value or "", found.line_number
