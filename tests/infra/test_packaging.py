"""The command that packages: what it writes, and what it says when it cannot."""

import json
import sys
import zipfile
from pathlib import Path

import pytest

from infra.packaging import __main__ as command
from infra.packaging import archive, build, chalice_package, dependencies
from infra.packaging.archive import ArchiveSize, unpack_beside, write_archive
from infra.packaging.botocore_data import SERVICES
from infra.packaging.build import build_package
from infra.packaging.chalice_package import run_chalice
from infra.packaging.dependencies import install_dependencies, platform_tags
from infra.packaging.documents import overlaid
from infra.packaging.errors import PackagingError
from infra.packaging.source import copy_source
from infra.packaging.stages import described_stage, read_config, stage_setting


def make_app_zip(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        for name in names:
            opened.writestr(name, f"# {name}")
    return path


def make_dependencies(directory: Path, *names: str) -> Path:
    for name in names:
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# {name}")
    return directory


def make_botocore(directory: Path) -> Path:
    """The least botocore that is one: no model, and no endpoint."""
    data = directory / "botocore" / "data"
    for service in SERVICES:
        (data / service / "2011-11-11").mkdir(parents=True)
        (data / service / "2011-11-11" / "service-2.json").write_text("{}")
    (directory / "botocore" / "__init__.py").touch()
    (data / "endpoints.json").write_text('{"partitions": []}')
    return directory


def test_the_app_alone_is_what_chalice_zips(built: Path) -> None:
    with zipfile.ZipFile(built / "deployment.zip") as opened:
        names = opened.namelist()
    assert {"app.py", "chalice/app.py", "chalicelib/wiring.py"} <= set(names)
    assert {name.split("/")[0] for name in names} == {"app.py", "chalice", "chalicelib"}
    assert not any("__pycache__" in name for name in names)


def test_the_source_is_copied_without_what_python_left_in_it(tmp_path: Path) -> None:
    copy_source(tmp_path, "x86_64")
    assert {path.name for path in tmp_path.iterdir()} == {"app.py", "chalicelib", ".chalice"}
    assert not list(tmp_path.rglob("__pycache__"))


def test_the_source_is_configured_for_the_architecture(tmp_path: Path) -> None:
    copy_source(tmp_path, "x86_64")
    assert read_config(tmp_path)["lambda_architecture"] == "x86_64"
    assert read_config()["lambda_architecture"] == "arm64"


def test_a_stage_has_its_own_settings_before_those_of_all() -> None:
    assert stage_setting("dev", "api_gateway_stage") == "dev"
    assert stage_setting("dev", "minimum_compression_size") == 1000
    assert stage_setting("local", "minimum_compression_size") == 1000
    assert stage_setting("local", "api_gateway_stage") is None


def test_overlays_add_to_objects_and_replace_the_rest() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": "text"}
    overlay = {"a": {"c": [3]}, "d": {"e": 2}}
    assert overlaid(base, overlay) == {"a": {"b": 1, "c": [3]}, "d": {"e": 2}}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": "text"}


def test_a_zip_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    one = make_dependencies(tmp_path / "one", "b/x.py", "a.py")
    other = make_dependencies(tmp_path / "other", "a.py", "b/x.py")
    (other / "a.py").touch()
    for target, directory in (("1.zip", one), ("2.zip", other)):
        write_archive(tmp_path / target, directory)
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


def test_a_zip_holds_a_directory_and_can_be_read_by_lambda(tmp_path: Path) -> None:
    site = make_dependencies(tmp_path / "site", "lib/a.py", "app.py")
    (site / "app.py").chmod(0o600)
    size = write_archive(tmp_path / "out.zip", site)
    with zipfile.ZipFile(tmp_path / "out.zip") as opened:
        assert opened.namelist() == ["app.py", "lib/a.py"]
        assert all(item.external_attr >> 16 == 0o644 for item in opened.infolist())
        unzipped = sum(item.file_size for item in opened.infolist())
    assert size == ArchiveSize((tmp_path / "out.zip").stat().st_size, unzipped)


def test_the_app_goes_beside_what_it_depends_on(tmp_path: Path) -> None:
    app = make_app_zip(tmp_path / "app.zip", "app.py", "chalicelib/errors.py")
    site = make_dependencies(tmp_path / "site", "lib/a.py")
    unpack_beside(app, site)
    assert {path.name for path in site.rglob("*.py")} == {"app.py", "errors.py", "a.py"}


def test_a_dependency_cannot_replace_a_file_of_the_app(tmp_path: Path) -> None:
    app = make_app_zip(tmp_path / "app.zip", "app.py")
    site = make_dependencies(tmp_path / "site", "app.py")
    with pytest.raises(PackagingError, match=r"app\.py is in the app and in"):
        unpack_beside(app, site)


def test_a_package_that_lambda_would_refuse_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_MAX_UNZIPPED_BYTES", 3)
    with pytest.raises(PackagingError, match="250 MB unzipped"):
        write_archive(tmp_path / "out.zip", make_dependencies(tmp_path / "site", "a.py"))
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.parametrize(
    ("python", "newest"), [((3, 11), 26), ((3, 12), 34), ((3, 13), 34)], ids=str
)
def test_wheels_are_for_the_libc_of_the_runtime(
    monkeypatch: pytest.MonkeyPatch, python: tuple[int, int], newest: int
) -> None:
    monkeypatch.setattr(sys, "version_info", (*python, 0))
    tags = platform_tags("arm64")
    assert tags[0] == f"manylinux_2_{newest}_aarch64"
    assert tags[-2:] == ("manylinux_2_17_aarch64", "manylinux2014_aarch64")
    assert platform_tags("x86_64")[-1] == "manylinux2014_x86_64"


def test_a_wheel_that_is_not_the_locks_stops_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("six==1.17.0\n")
    monkeypatch.setattr(dependencies, "_LOCK", lock)
    with pytest.raises(PackagingError, match=r"(?s)could not install requirements\.lock.*hash"):
        install_dependencies(tmp_path / "site", "arm64")


def test_what_chalice_says_is_passed_on(tmp_path: Path) -> None:
    copy_source(tmp_path, "arm64")
    (tmp_path / "app.py").write_text("import a_module_that_is_not_packaged\n")
    with pytest.raises(PackagingError, match="a_module_that_is_not_packaged"):
        run_chalice(tmp_path, "dev", tmp_path / "out")


def test_chalice_sees_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-for-chalice")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    environment = chalice_package._environment()
    assert not {"AWS_SECRET_ACCESS_KEY", "PYTHONPATH"} & set(environment)
    assert environment["AWS_DEFAULT_REGION"]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert chalice_package._environment()["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_a_failed_build_leaves_nothing_to_deploy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_directory: Path, _architecture: str) -> None:
        raise PackagingError("no wheels")

    monkeypatch.setattr(build, "install_dependencies", fail)
    for name in ("sam.json", "deployment.zip"):
        (tmp_path / name).write_text("of an earlier build")
    with pytest.raises(PackagingError, match="no wheels"):
        build_package("dev", "arm64", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def instantly(directory: Path, _architecture: str) -> None:
        make_botocore(directory)

    monkeypatch.setattr(build, "install_dependencies", instantly)
    assert command.main(["--stage", "prod", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"stage prod, python{sys.version_info[0]}.{sys.version_info[1]}, arm64" in said
    assert "zip 1." in said
    template = json.loads((tmp_path / "sam.json").read_text())
    assert described_stage(template["Description"]) == "prod"
    with zipfile.ZipFile(tmp_path / "deployment.zip") as opened:
        names = set(opened.namelist())
    assert {"app.py", "botocore/__init__.py"} <= names
    assert f"__pycache__/app.{sys.implementation.cache_tag}.pyc" in names


def test_a_package_can_be_made_as_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def instantly(directory: Path, _architecture: str) -> None:
        make_botocore(directory)
        make_dependencies(directory, "bin/tool")

    monkeypatch.setattr(build, "install_dependencies", instantly)
    build_package("dev", "arm64", tmp_path, as_installed=True)
    with zipfile.ZipFile(tmp_path / "deployment.zip") as opened:
        names = opened.namelist()
    assert "bin/tool" in names
    assert not any(name.endswith(".pyc") for name in names)


def test_the_command_refuses_a_python_that_lambda_does_not_have(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    assert command.main([]) == 1
    assert "3.11, 3.12 or 3.13" in capsys.readouterr().err


def test_the_command_says_which_tool_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda _name: None)
    assert command.main([]) == 1
    assert "lacks chalice and pip: `make setup`" in capsys.readouterr().err


def test_the_command_knows_the_stages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--stage", "nowhere"])
    assert "choose from" in capsys.readouterr().err
