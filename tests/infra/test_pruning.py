"""What is left out of the zip, and what must not be."""

from pathlib import Path

import pytest

from infra.packaging.errors import PackagingError
from infra.packaging.pruning import imports_of, prune

OURS = {"app.py": "import chalicelib.errors", "chalicelib/__init__.py": ""}


def pruned(directory: Path, files: dict[str, str]) -> set[str]:
    """Prune a directory of these files; return what is left of those that are not ours."""
    for name, text in {**OURS, **files}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    prune(directory)
    left = {p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file()}
    return left - set(OURS)


def test_a_module_that_nothing_imports_is_left_out(tmp_path: Path) -> None:
    files = {
        "chalicelib/errors.py": "def f():\n    import used.deep",
        "used/__init__.py": "",
        "used/deep.py": "from . import near",
        "used/near.py": "",
        "used/other.py": "",
        "unused/__init__.py": "",
        "unused.dist-info/METADATA": "",
    }
    left = pruned(tmp_path, files)
    assert left == set(files) - {"used/other.py", "unused/__init__.py"}
    assert not (tmp_path / "unused").exists()


def test_data_goes_with_the_package_that_it_is_in(tmp_path: Path) -> None:
    files = {
        "chalicelib/errors.py": "import used",
        "used/__init__.py": "",
        "used/data/a.json": "",
        "used/extra/__init__.py": "",
        "used/extra/pictures/b.png": "",
        "cacert.pem": "",
    }
    assert pruned(tmp_path, files) == set(list(files)[:3]) | {"cacert.pem"}


@pytest.mark.parametrize("name", ["bin/tool", "share/man/a.1", "chalicelib/a.pyi"])
def test_what_only_people_and_type_checkers_read_is_left_out(tmp_path: Path, name: str) -> None:
    assert pruned(tmp_path, {name: ""}) == set()


def test_bytecode_of_another_python_is_left_out(tmp_path: Path) -> None:
    assert pruned(tmp_path, {"chalicelib/__pycache__/a.cpython-39.pyc": ""}) == set()


def test_a_package_of_loose_imports_is_kept_whole_but_for_what_cannot_be_imported(
    tmp_path: Path,
) -> None:
    files = {
        "stripe/__init__.py": "",
        "stripe/_refund.py": "import needed",
        "stripe/params/__init__.py": "",
        "stripe/params/_refund.py": "",
        "needed.py": "",
    }
    assert pruned(tmp_path, files) == {"stripe/__init__.py", "stripe/_refund.py", "needed.py"}


def test_native_modules_are_modules(tmp_path: Path) -> None:
    files = {
        "chalicelib/errors.py": "import fast.core",
        "fast/__init__.py": "",
        "fast/core.cpython-311-x86_64-linux-gnu.so": "",
        "fast/unused.abi3.so": "",
    }
    assert pruned(tmp_path, files) == set(list(files)[:3])


def test_a_directory_without_the_app_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()
    with pytest.raises(PackagingError, match="no app"):
        prune(tmp_path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import a.b, c", {"a.b", "c"}),
        ("from a import b", {"a", "a.b"}),
        ("from . import near", {"top.pack", "top.pack.near"}),
        ("from .near import x", {"top.pack.near", "top.pack.near.x"}),
        ("from ..far import x", {"top.far", "top.far.x"}),
        ("if TYPE_CHECKING:\n    import a\nelse:\n    import b", {"b"}),
        ("if typing.TYPE_CHECKING:\n    import a", set()),
        ("try:\n    import a\nexcept ImportError:\n    import b", {"a", "b"}),
    ],
    ids=["names", "from", "beside", "of one beside", "above", "else", "checkers", "try"],
)
def test_imports_are_found_wherever_they_are(text: str, found: set[str]) -> None:
    assert imports_of("top.pack.module", text.encode(), is_package=False) == found


def test_imports_of_a_package_start_in_itself() -> None:
    assert imports_of("top", b"from . import near", is_package=True) == {"top", "top.near"}
