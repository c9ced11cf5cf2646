"""JSON-like documents, put on top of each other."""

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]


def overlaid(base: Mapping[str, Any], *overlays: Mapping[str, Any]) -> Document:
    """Return `base` with overlays laid on it: objects are merged, anything else is replaced.

    This is how `chalice package --merge-template` merges too.
    """
    merged: Document = dict(base)
    for overlay in overlays:
        for key, value in overlay.items():
            below = merged.get(key)
            if isinstance(below, Mapping) and isinstance(value, Mapping):
                merged[key] = overlaid(below, value)
            else:
                merged[key] = value
    return merged
