"""Routes that are loaded when they are asked for: all there, none twice, none by half."""

import threading
import time
from collections.abc import Callable, Mapping

import pytest
from chalice.app import Blueprint, Response

from app import PATHS, PREFLIGHTS_ONLY
from app import app as the_app
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.lazy_app import LazyApp
from tests.support.fresh_process import run_fresh
from tests.support.lambda_api import proxy_event

DECLARED = {"things": ("/things", "/things/{id}"), "others": ("/others",), "": ("/{proxy+}",)}


def a_blueprint(*paths: str) -> ApiBlueprint:
    blueprint = ApiBlueprint("tests.unit.test_lazy_app")
    for path in paths:
        blueprint.api(path, describes=None)(lambda _: Response("here"))
    return blueprint


class Modules:
    """Blueprints by their names, and which were asked for."""

    def __init__(self, blueprints: Mapping[str, Callable[[], Blueprint]]) -> None:
        self.blueprints = blueprints
        self.asked: list[str] = []

    def __call__(self, name: str) -> Blueprint | None:
        self.asked.append(name)
        return self.blueprints[name]() if name else None


@pytest.fixture
def modules() -> Modules:
    return Modules(
        {
            "things": lambda: a_blueprint("/things", "/things/{id}"),
            "others": lambda: a_blueprint("/others"),
        }
    )


@pytest.fixture
def app(modules: Modules) -> LazyApp:
    return LazyApp("lazy", DECLARED, modules)


def test_nothing_is_loaded_before_it_is_asked_for(app: LazyApp, modules: Modules) -> None:
    assert "/things" in app.routes
    assert "/nowhere" not in app.routes
    assert len(app.routes) == 4
    assert app.routes.get("/nowhere") is None
    assert modules.asked == []


def test_a_request_loads_the_module_that_it_needs_once(app: LazyApp, modules: Modules) -> None:
    for _ in range(2):
        assert app(proxy_event("GET", "/things"), None)["body"] == "here"
    answer = app(proxy_event("OPTIONS", "/things/{id}", path_parameters={"id": "1"}), None)
    assert answer["statusCode"] == 204
    assert modules.asked == ["things"]


def test_a_path_without_routes_has_a_preflight(app: LazyApp, modules: Modules) -> None:
    assert set(app.routes["/{proxy+}"]) == {"OPTIONS"}
    assert modules.asked == [""]


def test_who_goes_through_all_routes_has_them_all(app: LazyApp, modules: Modules) -> None:
    methods = {path: set(entries) for path, entries in app.routes.items()}
    both = {"GET", "OPTIONS"}
    assert methods == {
        "/things": both,
        "/things/{id}": both,
        "/others": both,
        "/{proxy+}": {"OPTIONS"},
    }
    assert list(app.routes) == list(app.routes.keys()) == list(methods)
    assert [set(entries) for entries in app.routes.values()] == list(methods.values())
    assert modules.asked == ["things", "others", ""]


def test_an_unknown_path_has_no_methods(app: LazyApp) -> None:
    answer = app(proxy_event("GET", "/nowhere"), None)
    assert answer["statusCode"] == 405
    assert "/nowhere" not in app.routes


def test_a_path_that_is_not_declared_is_an_error(modules: Modules) -> None:
    modules.blueprints = {"things": lambda: a_blueprint("/things", "/things/{id}", "/more")}
    app = LazyApp("lazy", DECLARED, modules)
    with pytest.raises(LookupError, match="/more is not declared"):
        _ = app.routes["/things"]


def test_a_declared_path_without_routes_is_an_error(modules: Modules) -> None:
    modules.blueprints = {"things": lambda: a_blueprint("/things")}
    app = LazyApp("lazy", DECLARED, modules)
    with pytest.raises(LookupError, match=r"things has no routes of /things/\{id\}"):
        list(app.routes)


def test_a_module_that_fails_is_tried_again(modules: Modules) -> None:
    tries = []

    def first_broken() -> Blueprint:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no file")
        return a_blueprint("/others")

    modules.blueprints = {"others": first_broken}
    app = LazyApp("lazy", DECLARED, modules)
    with pytest.raises(OSError, match="no file"):
        _ = app.routes["/others"]
    assert set(app.routes["/others"]) == {"GET", "OPTIONS"}


def test_requests_at_the_same_time_see_a_module_whole(modules: Modules) -> None:
    def slowly() -> Blueprint:
        time.sleep(0.05)
        return a_blueprint("/others")

    modules.blueprints = {"others": slowly}
    app = LazyApp("lazy", DECLARED, modules)
    seen: list[set[str]] = []
    threads = [
        threading.Thread(target=lambda: seen.append(set(app.routes["/others"]))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [{"GET", "OPTIONS"}] * 8
    assert modules.asked == ["others"]


@pytest.mark.parametrize("module", sorted(set(PATHS) - {PREFLIGHTS_ONLY}))
def test_each_module_has_the_paths_that_are_declared_of_it(module: str) -> None:
    for path in PATHS[module]:
        views = [entry for verb, entry in the_app.routes[path].items() if verb != "OPTIONS"]
        assert views
        assert {entry.view_function.__module__ for entry in views} == {
            f"chalicelib.routes.{module}"
        }


def test_to_import_the_api_loads_no_route() -> None:
    loaded = run_fresh("from app import app\nresult = len(app.routes)\n")
    assert loaded["result"] == len(the_app.routes)
    assert not [name for name in loaded["loaded"] if name.startswith("chalicelib.routes.")]
