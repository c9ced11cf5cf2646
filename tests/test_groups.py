"""Tests that share a server or a stack have to run in one process, one after the other."""

import pytest

pytestmark = pytest.mark.xdist_group("groups")


def test_a_runner_that_lost_the_groups_would_tear_shared_stacks_apart(
    request: pytest.FixtureRequest,
) -> None:
    if request.config.getoption("loadgroup", default=False):
        assert request.node.nodeid.endswith("@groups")
