"""Which resource of the API a raw path belongs to. Verbs, bodies and headers play no part."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Route:
    """A resource that matched, with its path parameters as they stood in the path."""

    resource: str
    path_parameters: dict[str, str]


@dataclass(slots=True)
class _Node:
    """One path segment of the resource tree."""

    resource: str | None = None
    static: dict[str, "_Node"] = field(default_factory=dict)
    parameters: dict[str, "_Node"] = field(default_factory=dict)
    greedy: dict[str, str] = field(default_factory=dict)


class Router:
    """The resource tree: a literal segment goes before `{name}`, and that before `{name+}`."""

    def __init__(self, resources: Iterable[str]) -> None:
        self._root = _Node()
        for resource in resources:
            self._add(resource)

    def match(self, raw_path: str) -> Route | None:
        """Find the resource for a path, or None.

        A path's last slash is no part of it here, though the function sees it in `path`. Nothing
        is decoded: `%2F` is not a separator, and parameters stay percent-encoded.
        """
        trimmed = raw_path.removeprefix("/").removesuffix("/")
        return _search(self._root, trimmed.split("/") if trimmed else [])

    def _add(self, resource: str) -> None:
        node = self._root
        for segment in resource.strip("/").split("/") if resource != "/" else []:
            if segment.startswith("{") and segment.endswith("+}"):
                node.greedy[segment[1:-2]] = resource
                return
            if segment.startswith("{") and segment.endswith("}"):
                node = node.parameters.setdefault(segment[1:-1], _Node())
            else:
                node = node.static.setdefault(segment, _Node())
        node.resource = resource


def _search(node: _Node, segments: list[str]) -> Route | None:
    if not segments:
        return Route(node.resource, {}) if node.resource is not None else None
    head, rest = segments[0], segments[1:]
    if head in node.static and (found := _search(node.static[head], rest)):
        return found
    for name, child in node.parameters.items() if head else ():
        if found := _search(child, rest):
            return Route(found.resource, {name: head, **found.path_parameters})
    for name, resource in node.greedy.items():
        return Route(resource, {name: "/".join(segments)})
    return None
