"""What functions do while Lambda starts them: what the first request would do, and nothing more.

Each is started in a process of its own, as Lambda starts it.
"""

import random
from collections.abc import Iterator

import pytest
import snapshot_restore_py

import chalicelib
from chalicelib.functions.init_phase import prepare
from tests.infra.test_template import HANDLERS
from tests.support.fresh_process import run_fresh
from tests.support.http_server import LocalServer, Reply, serving

ON_DEMAND, SNAPSHOT = "on-demand", "snap-start"
HEAVY = {"stripe", "jwt", "pydantic", "pynamodb", "botocore", "chalicelib.store.orders"}
PREPARED = {
    "app.app": {"pynamodb", "botocore"},
    "chalicelib.functions.authorizer.jwt_authorizer": {"jwt"},
    "chalicelib.functions.stripe_webhook.stripe_webhook": {
        "stripe",
        "pynamodb",
        "botocore",
        "chalicelib.store.orders",
    },
    "chalicelib.functions.reconcile.reconcile": set[str](),
}


@pytest.fixture
def dynamodb() -> Iterator[LocalServer]:
    with serving(lambda _: Reply(500)) as server:
        yield server


# As Lambda's runtime does: the registry is emptied from its end.
RESTORE = """
import random, snapshot_restore_py as runtime
random.seed(1)
drawn = lambda: random.Random.getstate(random._inst)
before = drawn()
for hook, arguments, keywords in list(runtime.get_after_restore()):
    hook(*arguments, **keywords)
"""


def started(handler: str, kind: str | None, script: str = "", **environment: str) -> set[str]:
    """Load a function as Lambda does; return what is loaded then."""
    module = handler.rpartition(".")[0]
    lambdas = {} if kind is None else {"AWS_LAMBDA_INITIALIZATION_TYPE": kind, "_HANDLER": handler}
    ran = run_fresh(f"import {module}\n{script}", **lambdas, **environment)
    return set(ran["loaded"])


def test_these_are_the_handlers_that_are_deployed() -> None:
    assert set(PREPARED) == set(HANDLERS.values()) == chalicelib.HANDLERS


@pytest.mark.parametrize("handler", PREPARED)
def test_a_starting_function_loads_what_its_first_request_needs(
    handler: str, dynamodb: LocalServer
) -> None:
    loaded = started(handler, ON_DEMAND, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url)
    assert loaded & HEAVY == PREPARED[handler]
    # The data that a client reads, not only its module.
    assert ("botocore.retries.standard" in loaded) == ("botocore" in PREPARED[handler])
    assert dynamodb.received == []


@pytest.mark.parametrize("handler", PREPARED)
def test_outside_lambda_nothing_is_loaded_before_it_is_asked_for(handler: str) -> None:
    assert started(handler, None) & HEAVY == set()


@pytest.mark.parametrize("handler", PREPARED)
def test_another_functions_start_is_not_this_ones(handler: str) -> None:
    others = {"AWS_LAMBDA_INITIALIZATION_TYPE": ON_DEMAND, "_HANDLER": "elsewhere.handler"}
    loaded = started(handler, None, "import gc\nassert gc.isenabled()\n", **others)
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("handler", PREPARED)
def test_garbage_is_looked_for_again_once_a_function_has_started(handler: str) -> None:
    started(handler, ON_DEMAND, "import gc\nassert gc.isenabled() and gc.get_freeze_count()\n")


@pytest.mark.parametrize("handler", PREPARED)
def test_outside_lambda_garbage_is_looked_for_as_ever(handler: str) -> None:
    script = "import gc\nassert gc.isenabled() and gc.get_threshold()[0] < 20_000\n"
    started(handler, None, f"{script}assert not gc.get_freeze_count()\n")


def test_the_start_of_the_api_loads_the_routes_of_events_and_no_others() -> None:
    loaded = started("app.app", ON_DEMAND)
    routes = {name for name in loaded if name.startswith("chalicelib.routes.")}
    assert routes == {"chalicelib.routes.events", "chalicelib.routes.event_pages"}


def test_a_snapshot_holds_all_that_the_api_can_come_to_need() -> None:
    loaded = started("app.app", SNAPSHOT)
    assert {"stripe", "pynamodb", "chalicelib.store.orders"} <= loaded
    assert "chalicelib.routes.admin_orders" in loaded


@pytest.mark.parametrize(
    "handler", ["app.app", "chalicelib.functions.stripe_webhook.stripe_webhook"]
)
def test_each_copy_of_a_snapshot_draws_other_random_numbers(handler: str) -> None:
    script = f"{RESTORE}assert drawn() != before, drawn()\n"
    started(handler, SNAPSHOT, script)


def test_without_a_snapshot_nothing_is_registered() -> None:
    started("app.app", ON_DEMAND, f"{RESTORE}assert drawn() == before\n")


def test_settings_that_are_missing_do_not_keep_a_function_from_starting() -> None:
    started("app.app", ON_DEMAND, EVENTS_TABLE="")


def test_a_step_that_fails_does_not_keep_others_from_being_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chalicelib.functions.init_phase._look_for_garbage", lambda: None)
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", ON_DEMAND)
    monkeypatch.setenv("_HANDLER", "a.handler")
    taken: list[str] = []

    def fail() -> None:
        taken.append("first")
        raise OSError("no network")

    prepare("a.handler", fail, lambda: taken.append("second"), for_snapshots=[taken.clear])
    assert taken == ["first", "second"]


def test_snapshots_have_steps_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.functions.init_phase._look_for_garbage", lambda: None)
    monkeypatch.setattr(snapshot_restore_py, "_after_restore_registry", [])
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", SNAPSHOT)
    monkeypatch.setenv("_HANDLER", "a.handler")
    taken: list[str] = []
    prepare(
        "a.handler",
        lambda: taken.append("always"),
        for_snapshots=[lambda: taken.append("snapshot")],
    )
    assert taken == ["always", "snapshot"]
    ((hook, *_),) = snapshot_restore_py.get_after_restore()
    assert hook == random.seed
