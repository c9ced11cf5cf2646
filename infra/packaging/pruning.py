"""What the zip leaves out of what was installed: modules that nothing in it imports, and what only
people and type checkers read. Less to upload, less to unzip at a cold start, less to attack.
"""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from infra.packaging.errors import PackagingError

_OURS = ("app", "chalicelib", "chalice")
# Kept whole, for imports in them that cannot be read from their text.
_WHOLE = {
    "_cffi_backend": "cryptography's native module imports it",
    "botocore": "handlers and plugins are named by strings",
    "charset_normalizer": "compiled modules import others",
    "cryptography": "its native module imports others",
    "pydantic": "its modules are loaded as attributes",
    "pydantic_core": "compiled",
    "stripe": "its resources are loaded as attributes",
    "tzdata": "zoneinfo reads it as a resource",
}
# Modules, with all beneath them, that no function comes to import all the same.
_NEVER = {
    "aws_lambda_powertools.event_handler": "asked for when a pydantic model is logged, and none is",
    "botocore.compress_zstd": "needs a library that is not packaged",
    "botocore.crt.auth": "needs a library that is not packaged",
    "botocore.docs.translator": "needs a library that is not packaged",
    "dateutil.tz.win": "for another operating system",
    "icalendar.timezone.pytz": "needs a library that is not packaged",
    "pydantic.mypy": "needs a library that is not packaged",
    "pydantic.v1._hypothesis_plugin": "needs a library that is not packaged",
    "pydantic.v1.mypy": "needs a library that is not packaged",
    "stripe.params": "types of requests, for type checkers alone",
    "urllib3.contrib.emscripten": "for browsers",
    "urllib3.contrib.pyopenssl": "needs a library that is not packaged",
    "urllib3.contrib.socks": "needs a library that is not packaged",
    "urllib3.http2.connection": "needs a library that is not packaged",
}
# Programs, their manuals, and type stubs.
_NOT_IMPORTED_DIRECTORIES = frozenset({"bin", "share"})
_NOT_IMPORTED_SUFFIXES = frozenset({".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h", ".typed"})
_NATIVE = ".so"


def prune(directory: Path) -> None:
    """Delete what no function can come to import from a directory that has all that is packaged."""
    modules = dict(_modules(directory))
    kept = _kept(modules)
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory)
        if path.is_file() and not _stays(PurePosixPath(name.as_posix()), modules, kept):
            path.unlink()
    for path in sorted(directory.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def imports_of(module: str, source: bytes, *, is_package: bool) -> frozenset[str]:
    """Return all names that a module's text imports, wherever in it, but for type checkers.

    `from a import b` gives `a` and `a.b`: one cannot tell whether `b` is a module.
    """
    base = module if is_package else module.rpartition(".")[0]
    return frozenset(_imported(ast.parse(source), base))


def _kept(modules: dict[str, Path]) -> frozenset[str]:
    """Return the modules that are reached from ours, or that are kept whole, with all parents."""
    roots = {*_OURS, *_WHOLE}
    todo = [name for name in modules if name.partition(".")[0] in roots]
    if not todo:
        raise PackagingError("there is no app in the package")
    kept: set[str] = set()
    while todo:
        name = todo.pop()
        while name and name not in kept:
            if name in modules and not _is_never_imported(name):
                kept.add(name)
                todo.extend(_imports(name, modules[name]))
            name = name.rpartition(".")[0]
    return frozenset(kept)


def _is_never_imported(name: str) -> bool:
    return any(name == never or name.startswith(f"{never}.") for never in _NEVER)


def _imports(name: str, path: Path) -> frozenset[str]:
    if path.suffix == _NATIVE:
        return frozenset()
    return imports_of(name, path.read_bytes(), is_package=path.stem == "__init__")


def _imported(node: ast.AST, base: str) -> Iterator[str]:
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        for other in node.orelse:
            yield from _imported(other, base)
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        source = _resolved(node, base)
        yield source
        yield from (f"{source}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imported(child, base)


def _resolved(node: ast.ImportFrom, base: str) -> str:
    """Return the absolute name of what is imported from."""
    if not node.level:
        return node.module or ""
    above = base.split(".")
    parts = above[: len(above) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _modules(directory: Path) -> Iterator[tuple[str, Path]]:
    for path in directory.rglob("*"):
        if path.suffix in {".py", _NATIVE}:
            yield _module_name(path.relative_to(directory)), path


def _module_name(path: Path) -> str:
    parts = [*path.parent.parts, path.name.partition(".")[0]]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _stays(path: PurePosixPath, modules: dict[str, Path], kept: frozenset[str]) -> bool:
    if path.parts[0] in _NOT_IMPORTED_DIRECTORIES or path.suffix in _NOT_IMPORTED_SUFFIXES:
        return False
    if path.suffix in {".py", _NATIVE}:
        return _module_name(Path(path)) in kept
    # Data goes with the package that it is in.
    packages = [".".join(parent.parts) for parent in path.parents if parent.parts]
    nearest = next((name for name in packages if name in modules), None)
    return nearest is None or nearest in kept
