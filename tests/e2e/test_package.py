"""The package that is deployed: everything the functions import is in it, and nothing else is."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.infra.test_template import HANDLERS

pytestmark = pytest.mark.xdist_group("package")

# Without the virtual environment that runs this: a module that the zip lacks is nowhere else.
_IMPORT = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
module, _, name = sys.argv[2].rpartition(".")
assert callable(getattr(importlib.import_module(module), name))
for adapter in sys.argv[3:]:
    assert importlib.import_module(adapter).__file__.startswith(sys.argv[1])
"""
# What the functions import on first use.
DEFERRED = {
    "app.app": (
        "chalicelib.store",
        "chalicelib.adapters.stripe_gateway",
        "chalicelib.schemas.events",
    ),
    "chalicelib.functions.stripe_webhook.stripe_webhook": (
        "chalicelib.store",
        "chalicelib.adapters.stripe_gateway",
    ),
    "chalicelib.functions.authorizer.jwt_authorizer": ("chalicelib.adapters.tokens",),
    "chalicelib.functions.reconcile.reconcile": ("chalicelib.store",),
}


@pytest.fixture(scope="module")
def names(package: Path) -> list[str]:
    with zipfile.ZipFile(package / "deployment.zip") as opened:
        return opened.namelist()


@pytest.fixture(scope="module")
def unzipped(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("unzipped")
    with zipfile.ZipFile(package / "deployment.zip") as opened:
        opened.extractall(directory)
    return directory


@pytest.mark.parametrize("handler", HANDLERS.values())
def test_a_function_starts_from_the_zip_alone(unzipped: Path, handler: str) -> None:
    done = subprocess.run(
        [sys.executable, "-ISB", "-c", _IMPORT, str(unzipped), handler, *DEFERRED[handler]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_zip_holds_what_runs_and_nothing_else(names: list[str]) -> None:
    top = {name.split("/")[0] for name in names}
    assert {"app.py", "chalice", "chalicelib", "stripe", "jwt", "pynamodb", "pydantic"} <= top
    assert not top & {"tests", "infra", ".chalice", "vendor", "bin", "pytest", "boto3", "moto"}
    assert not any(re.search(r"__pycache__|\.pyc$|\.pyi$|\.lock$|\.env", name) for name in names)


def test_of_chalice_only_its_runtime_is_in_the_zip(names: list[str]) -> None:
    chalice = {name for name in names if name.startswith("chalice/")}
    assert chalice == {"chalice/__init__.py", "chalice/app.py"}


def test_native_modules_are_for_the_functions_processor(package: Path, names: list[str]) -> None:
    template = json.loads((package / "sam.json").read_text())
    (architecture,) = template["Resources"]["APIHandler"]["Properties"]["Architectures"]
    machine = {"arm64": "aarch64", "x86_64": "x86_64"}[architecture]
    tagged = [name for name in names if re.search(r"\.cpython-.*\.so$", name)]
    assert tagged
    assert all(machine in name for name in tagged)


def test_the_packages_are_the_locks(names: list[str]) -> None:
    lock = Path("requirements.lock").read_text()
    locked = {
        f"{normalised(name)}-{version}"
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", lock, re.MULTILINE)
    }
    found = {name.split("/")[0].removesuffix(".dist-info") for name in names if "dist-info" in name}
    assert {
        f"{normalised(n)}-{v}" for n, _, v in (item.rpartition("-") for item in found)
    } <= locked
    assert found


def test_no_secret_is_in_the_zip(unzipped: Path) -> None:
    ours = [unzipped / "app.py", *(unzipped / "chalicelib").rglob("*.py")]
    secret = re.compile(r"(sk_(test|live)|whsec)_[A-Za-z0-9]|AKIA[A-Z0-9]{12}|BEGIN [A-Z ]*KEY")
    assert [path for path in ours if secret.search(path.read_text())] == []


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
