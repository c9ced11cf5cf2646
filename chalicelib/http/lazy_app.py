"""Chalice with routes that are loaded when they are asked for: a cold start pays for the module
that it needs, and not for all the others.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import RLock
from typing import Any

from chalice.app import Blueprint, Chalice

from chalicelib.http.preflight import add_preflights

# What Chalice keeps for a path: its entries by method.
Entries = dict[str, Any]


class RouteTable(dict[str, Entries]):
    """Chalice's routes by path. A path that is looked up is loaded first, together with those that
    it shares a module with; whoever goes through them all has all of them loaded.

    A path that is not declared has no methods, as Chalice has it. A module that registers one
    raises `LookupError`.
    """

    def __init__(self, modules: Mapping[str, str], load: Callable[[str], None]) -> None:
        super().__init__()
        self._modules = modules
        self._load = load
        self._lock = RLock()
        # What a module registers is seen by others when all of it is there.
        self._pending: dict[str, Entries] = {}

    def __missing__(self, path: str) -> Entries:
        with self._lock:
            # Another thread may have loaded it while this one waited.
            if path not in self._pending and not dict.__contains__(self, path):
                self._load_module(path)
            return self._pending[path] if path in self._pending else dict.get(self, path, {})

    def _load_module(self, path: str) -> None:
        module = self._modules.get(path)
        if module is None and self._pending:
            raise LookupError(f"{path} is not declared")
        if module is None:
            return
        before = self._pending
        self._pending = {each: {} for each, name in self._modules.items() if name == module}
        try:
            self._load(module)
            self.update(self._pending)
        finally:
            self._pending = before

    def load_all(self) -> None:
        """Load every module."""
        for path in self._modules:
            _ = self[path]

    def __contains__(self, path: object) -> bool:
        return path in self._modules

    def __iter__(self) -> Iterator[str]:
        self.load_all()
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def get(self, path: str, default: Any = None) -> Any:  # noqa: ANN401 - as a dictionary's
        """Return the entries of a path, or the default where it is not declared."""
        return self[path] if path in self._modules else default

    def keys(self) -> Any:  # noqa: ANN401 - as a dictionary's
        """Return all paths."""
        self.load_all()
        return super().keys()

    def values(self) -> Any:  # noqa: ANN401 - as a dictionary's
        """Return the entries of all paths."""
        self.load_all()
        return super().values()

    def items(self) -> Any:  # noqa: ANN401 - as a dictionary's
        """Return all paths with their entries."""
        self.load_all()
        return super().items()


class LazyApp(Chalice):
    """A Chalice app whose routes are declared by their paths, by the name of their module.

    `blueprint_of` returns a module's blueprint, or None for paths that have preflights only. Raises
    `LookupError` where a module has other paths than were declared, as soon as it is loaded.
    """

    def __init__(
        self,
        app_name: str,
        paths: Mapping[str, Sequence[str]],
        blueprint_of: Callable[[str], Blueprint | None],
    ) -> None:
        super().__init__(app_name=app_name, configure_logs=False)
        self._paths = paths
        self._blueprint_of = blueprint_of
        modules = {path: name for name, theirs in paths.items() for path in theirs}
        self.routes = RouteTable(modules, self._load)

    def _load(self, name: str) -> None:
        blueprint = self._blueprint_of(name)
        if blueprint is not None:
            self.register_blueprint(blueprint)
            self._ensure_declared(name)
        add_preflights(self, self._paths[name])

    def _ensure_declared(self, name: str) -> None:
        empty = [path for path in self._paths[name] if not self.routes[path]]
        if empty:
            raise LookupError(f"the module {name} has no routes of {', '.join(empty)}")
