"""What `.chalice/config.json` says about the stages, and how a stack says of which one it is."""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_CONFIG = ".chalice/config.json"
_DESCRIBED = re.compile(r"Events API \((?P<stage>[^)]+)\):")


def read_config(root: Path = ROOT) -> dict[str, Any]:
    """Return the configuration as it is on disk."""
    config: dict[str, Any] = json.loads((root / _CONFIG).read_text())
    return config


def write_config(config: dict[str, Any], root: Path) -> None:
    """Store a configuration in another directory than the repository's."""
    (root / _CONFIG).write_text(json.dumps(config, indent=2))


def stage_names() -> tuple[str, ...]:
    """Return the stages that can be packaged."""
    return tuple(read_config()["stages"])


def stage_setting(stage: str, name: str) -> Any:  # noqa: ANN401 - any JSON
    """Return a setting as Chalice finds it: the stage's, else that of all stages.

    A stage that is not in the file, such as the local one, has those of all stages.
    """
    config = read_config()
    return config["stages"].get(stage, {}).get(name, config.get(name))


def stack_description(stage: str) -> str:
    """Return what a stage's template, and so its stack, says of itself."""
    return f"Events API ({stage}): browse events, sell tickets through Stripe"


def described_stage(description: str) -> str | None:
    """Return the stage that a template or a stack says it is of; None where it says nothing."""
    found = _DESCRIBED.match(description)
    return found["stage"] if found else None
