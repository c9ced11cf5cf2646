"""The contenders' folders, as Lambda would have them: their own code, what it depends on, and the
bytecode of all of it. What is not in such a folder, no contender can import.
"""

import json
import platform
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.packaging.build import build_package
from infra.packaging.bytecode import compile_modules
from infra.packaging.chalice_package import ARCHIVE, TEMPLATE

_CONTENDERS = Path(__file__).parent / "contenders"
_LOCK = Path("requirements.lock")
_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
# The runtime client: in Lambda it comes with Python, not with the function.
_RUNTIME = ("awslambdaric",)
_NOT_PACKAGED = frozenset({".pyc", ".pyi"})
_NEVER_IMPORTED = "/(test|tests|idlelib|lib2to3|site-packages)/"


@dataclass(frozen=True)
class Package:
    """A folder as it is deployed, and how many bytes its zip has."""

    folder: Path
    zipped: int


@dataclass(frozen=True)
class Recipe:
    """What a contender's package is made of: a folder of `contenders` with its handlers, others
    that they import as packages, and third parties.
    """

    handlers: str
    requirements: Sequence[str]
    packages: Sequence[str] = ()


class Installed:
    """The environment that the contenders' dependencies are taken from: all of the lock."""

    def __init__(self, environment: Path) -> None:
        (self._site,) = environment.glob("lib/python3.*/site-packages")
        self._known = {
            canonicalize_name(found.metadata["Name"]): found
            for found in Distribution.discover(path=[str(self._site)])
        }

    def copy(self, requirements: Iterable[str], folder: Path) -> None:
        """Copy what is required, and all that it requires in turn."""
        for distribution in self._closure(requirements):
            for file in distribution.files or ():
                if _is_packaged(Path(file)):
                    target = folder / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(self._site / file, target)

    def versions(self) -> dict[str, str]:
        """Return the version of everything by its name, as PEP 503 writes names."""
        return {name: found.version for name, found in self._known.items()}

    def _closure(self, requirements: Iterable[str]) -> Iterable[Distribution]:
        found: dict[str, Distribution] = {}
        followed: set[tuple[str, str]] = set()
        rest = [Requirement(text) for text in requirements]
        while rest:
            wanted = rest.pop()
            name = canonicalize_name(wanted.name)
            found[name] = self._known[name]
            # An extra brings requirements of its own.
            for extra in {"", *wanted.extras}:
                if (name, extra) not in followed:
                    followed.add((name, extra))
                    rest += _required_by(found[name], extra)
        return found.values()


def _required_by(distribution: Distribution, extra: str) -> Iterator[Requirement]:
    for text in distribution.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None:
            if not extra:
                yield requirement
        elif marker.evaluate({"extra": extra}):
            yield requirement


def _is_packaged(file: Path) -> bool:
    return ".." not in file.parts and file.suffix not in _NOT_PACKAGED


def make_runtime(installed: Installed, folder: Path) -> Path:
    """Make an interpreter that has the runtime client and nothing else; return its path.

    Python's own library has its bytecode in Lambda, and so it has here.
    """
    shutil.rmtree(folder, ignore_errors=True)
    # Where that cannot be written to, it came with it.
    command = [sys.executable, "-m", "compileall", "-qq", "-j", "0", "-x", _NEVER_IMPORTED]
    subprocess.run([*command, sysconfig.get_path("stdlib")], check=False)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python3.*/site-packages")
    installed.copy(_RUNTIME, site)
    _compile(site)
    return (folder / "bin/python").absolute()


def make_contender(recipe: Recipe, installed: Installed, folder: Path) -> Package:
    """Make a contender's package."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    installed.copy(recipe.requirements, folder)
    shutil.copytree(_CONTENDERS / recipe.handlers, folder, dirs_exist_ok=True, ignore=_caches)
    for name in recipe.packages:
        shutil.copytree(_CONTENDERS / name, folder / name, ignore=_caches)
    _compile(folder)
    return Package(folder.absolute(), _zipped(folder))


_caches = shutil.ignore_patterns("__pycache__")


def make_ours(stage: str, folder: Path) -> Package:
    """Make our own package, with the command that deploys it."""
    built = folder.with_name(f"{folder.name}-built")
    size = build_package(stage, architecture(), built)
    _unzip(built / ARCHIVE, folder)
    shutil.copyfile(built / TEMPLATE, folder.with_suffix(".json"))
    return Package(folder.absolute(), size.zipped)


def make_ours_as_chalice_leaves_it(stage: str, folder: Path) -> Package:
    """Make the package that `chalice package` would make by itself: the app and all of every
    dependency, without bytecode.
    """
    built = folder.with_name(f"{folder.name}-built")
    size = build_package(stage, architecture(), built, as_installed=True)
    _unzip(built / ARCHIVE, folder)
    return Package(folder.absolute(), size.zipped)


def make_compiled(installed: Package, folder: Path) -> Package:
    """Make the package of what was installed, and of its bytecode, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(installed.folder, folder)
    compile_modules(folder)
    return Package(folder.absolute(), _zipped(folder))


def handlers(template: Path) -> dict[str, str]:
    """Return each function's handler by its logical id, as a packaged template has them."""
    resources: dict[str, Any] = json.loads(template.read_text())["Resources"]
    return {
        name: resource["Properties"]["Handler"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def fixed_settings(template: Path, function: str) -> dict[str, str]:
    """Return the settings of a function that the template itself decides."""
    resources: dict[str, Any] = json.loads(template.read_text())["Resources"]
    variables = resources[function]["Properties"]["Environment"]["Variables"]
    return {name: value for name, value in variables.items() if isinstance(value, str)}


def architecture() -> str:
    """Return this machine's processor by Lambda's name."""
    return _ARCHITECTURES[platform.machine()]


def _unzip(archive: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)


def _compile(folder: Path) -> None:
    """Compile as our own packaging does: the source is not looked at when it is imported."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0"]
    subprocess.run([*command, "--invalidation-mode", "unchecked-hash", folder], check=True)


def _zipped(folder: Path) -> int:
    """Return how many bytes a folder has as a zip."""
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return target.stat().st_size
