"""The package that is deployed: everything the functions import is in it, and nothing else is."""

import json
import marshal
import re
import subprocess
import sys
import zipfile
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path

import pytest

from infra.packaging.build import build_package
from tests.e2e.conftest import STAGE, architecture
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
_IMPORT_ALL = """
import importlib, sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
failed = []
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed.append((name, repr(error)))
print(len(sys.argv[2:]) - len(failed))
for name, error in failed:
    print(name, error, file=sys.stderr)
sys.exit(bool(failed))
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
    assert not top & {"cffi", "pycparser", "share"}
    assert not any(re.search(r"\.pyi$|\.lock$|\.env", name) for name in names)


def test_the_zip_takes_little_to_upload_and_to_unpack(package: Path) -> None:
    assert (package / "deployment.zip").stat().st_size <= 20_000_000


def test_every_module_has_bytecode_that_nobody_checks(names: list[str], unzipped: Path) -> None:
    sources = [name for name in names if name.endswith(".py")]
    assert len(sources) > 1000
    for name in sources:
        code = (unzipped / cache_from_source(name)).read_bytes()
        assert code[:4] == MAGIC_NUMBER
        # "Checked" is the second bit (PEP 552).
        assert int.from_bytes(code[4:8], "little") == 0b01
        assert code[8:16] == source_hash((unzipped / name).read_bytes())


def test_tracebacks_name_where_lambda_unpacks_to(unzipped: Path) -> None:
    path = unzipped / cache_from_source("chalicelib/errors.py")
    code = marshal.loads(path.read_bytes()[16:])
    assert code.co_filename == "/var/task/chalicelib/errors.py"


def test_every_module_of_the_zip_can_be_imported(unzipped: Path) -> None:
    modules = sorted(
        {
            path.relative_to(unzipped).as_posix().partition(".")[0].removesuffix("/__init__")
            for path in unzipped.rglob("*")
            if path.suffix in {".py", ".so"}
        }
    )
    names = [module.replace("/", ".") for module in modules]
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", _IMPORT_ALL, str(unzipped), *names],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) > 1000


def test_the_same_input_makes_the_same_zip(package: Path, tmp_path: Path) -> None:
    build_package(STAGE, architecture(), tmp_path)
    for name in ("deployment.zip", "sam.json"):
        assert (tmp_path / name).read_bytes() == (package / name).read_bytes()


def test_of_chalice_only_its_runtime_is_in_the_zip(names: list[str]) -> None:
    chalice = {name for name in names if re.fullmatch(r"chalice/[^/]*\.py", name)}
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
