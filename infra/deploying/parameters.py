"""What a deployment chooses: the parameters of a stage, from its file, checked before anything is
sent. Values of the deployment before stay where the file says nothing.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.deploying.errors import DeployingError
from infra.packaging.choices import RELEASE, SHIFT
from infra.packaging.parameters import refusal
from infra.packaging.stages import ROOT

# Of one deployment alone, which nothing of the stack's own decides: the next one has the default
# again, unless it is given again.
_MOMENTARY = frozenset({SHIFT})

# How Stripe's keys and signing secrets begin.
_SECRET = re.compile(r"\b(sk|rk|whsec)_\w")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A parameter's value; `was` is the one before, None where the stack does not have it yet."""

    name: str
    value: str
    was: str | None
    given: bool

    @property
    def is_kept(self) -> bool:
        """Whether the stack's own value stays, unseen by this machine."""
        return self.was is not None and not self.given

    def request(self) -> dict[str, Any]:
        """Return it as CreateChangeSet takes it."""
        if self.is_kept:
            return {"ParameterKey": self.name, "UsePreviousValue": True}
        return {"ParameterKey": self.name, "ParameterValue": self.value}


def stage_file(stage: str) -> Path:
    """Return where a stage's parameters are kept."""
    return ROOT / "infra" / "stages" / f"{stage}.json"


def read_parameters(path: Path, *, required: bool) -> dict[str, str]:
    """Read a file of parameters: an object of strings, or of lists of strings.

    One that is not there has none, unless it is `required`. Raises `DeployingError`.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        if required:
            raise DeployingError(f"{path} is not there") from None
        return {}
    except (OSError, ValueError) as error:
        raise DeployingError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise DeployingError(f"{path} has to hold one object of names and values")
    return {name: _text(path, name, value) for name, value in content.items()}


def choose(
    declared: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, str],
    previous: Mapping[str, str],
    where: str,
    package: str = "",
) -> list[Chosen]:
    """Return a value for each parameter that the template declares, in its order.

    Raises `DeployingError` with everything that is wrong: unknown names, values that the template
    does not allow or that a function would refuse, secrets, and parameters that nobody has chosen.
    `where` is named as the place to mend them; `package` is a digest of what is deployed with them,
    and at which attempt. What the stack keeps is not looked at.
    """
    problems = [
        f"{name}: there is no such parameter" for name in sorted(given) if name not in declared
    ]
    chosen = []
    for name, declaration in declared.items():
        if name == RELEASE and name not in given:
            continue
        default = declaration.get("Default")
        value = given.get(name, default if name in _MOMENTARY else previous.get(name, default))
        if value is None:
            problems.append(
                f"{name} is missing: {declaration.get('Description', 'it is required')}"
            )
            continue
        is_given = name in given or name in _MOMENTARY
        item = Chosen(name, str(value), previous.get(name), given=is_given)
        if not item.is_kept:
            found = _problems(item.value, declaration) or _refusals(name, item.value)
            problems += [f"{name}: {problem}" for problem in found]
        chosen.append(item)
    if problems:
        raise DeployingError(
            "\n".join([f"the parameters cannot be deployed ({where}):", *problems])
        )
    # Asked of nobody: another one where the package or any other parameter is another, and only
    # there. By it functions get a new version.
    if RELEASE in declared and RELEASE not in given:
        chosen.append(Chosen(RELEASE, _release(package, chosen), previous.get(RELEASE), given=True))
    return chosen


def are_as_before(chosen: Sequence[Chosen]) -> bool:
    """Tell whether the stack has all these values.

    Its release may have another name: that of the attempt that succeeded.
    """
    return all(
        item.is_kept or item.value == item.was
        for item in chosen
        if item.name not in {RELEASE, *_MOMENTARY}
    )


def shown(chosen: list[Chosen]) -> list[str]:
    """Return a line for each parameter that changes or is new."""
    width = max((len(item.name) for item in chosen), default=0)
    return [
        f"{item.name.ljust(width)}  {item.value or '(empty)'}{_before(item)}"
        for item in chosen
        if item.value != item.was and item.name != RELEASE
    ]


def _release(package: str, chosen: list[Chosen]) -> str:
    lasting = ((item.name, item.value) for item in chosen if item.name not in _MOMENTARY)
    decided = json.dumps([package, *sorted(lasting)])
    return hashlib.sha256(decided.encode()).hexdigest()


def _before(item: Chosen) -> str:
    return "" if item.was is None else f"  (was {item.was or '(empty)'})"


def _problems(value: str, declaration: Mapping[str, Any]) -> list[str]:
    if _SECRET.search(value):
        return [
            "this is a secret; its place is an SSM parameter, whose name goes here (`make secret`)"
        ]
    allowed = declaration.get("AllowedValues")
    if allowed and value not in map(str, allowed):
        return [f"{value!r} is none of {', '.join(map(str, allowed))}"]
    pattern = declaration.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        return [f"{value!r} does not match {pattern} ({declaration.get('Description', '')})"]
    return (
        [] if _is_typed(value, declaration.get("Type", "String")) else [f"{value!r} is no number"]
    )


def _refusals(name: str, value: str) -> list[str]:
    refused = refusal(name, value)
    return [] if refused is None else [f"with {value!r} functions would fail: {refused}"]


def _is_typed(value: str, kind: str) -> bool:
    return kind != "Number" or re.fullmatch(r"-?\d+(\.\d+)?", value) is not None


def _text(path: Path, name: str, value: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    raise DeployingError(f"{path}: {name} has to be a string, a number or a list of strings")
