"""Starting from snapshots: off unless it is asked for, and only where Lambda can."""

import sys
from typing import Any

import pytest

from infra.packaging.aliases import FUNCTIONS, snapshots
from infra.packaging.choices import HAS_SNAP_START, SNAP_START, choices, conditions
from infra.packaging.template import merge_template

NEW, OLD = (3, 12, 0), (3, 11, 7)


def packaged_by(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]) -> dict[str, Any]:
    monkeypatch.setattr(sys, "version_info", version)
    resources: dict[str, Any] = merge_template("prod")["Resources"]
    return resources


def test_it_costs_nothing_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", NEW)
    declared = choices()[SNAP_START]
    assert (declared["Default"], declared["AllowedValues"]) == ("off", ["on", "off"])
    assert conditions()[HAS_SNAP_START] == {"Fn::Equals": [{"Ref": SNAP_START}, "on"]}


def test_those_whom_somebody_waits_for_start_from_snapshots(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resources = packaged_by(monkeypatch, NEW)
    found = {
        name: resources[name]["Properties"]["SnapStart"]
        for name in FUNCTIONS
        if "SnapStart" in resources[name]["Properties"]
    }
    asked = {"Fn::If": [HAS_SNAP_START, {"ApplyOn": "PublishedVersions"}, {"Ref": "AWS::NoValue"}]}
    assert found == {"APIHandler": asked, "StripeWebhook": asked}
    # Snapshots are of versions: what is called must be one.
    assert all(resources[name]["Properties"]["AutoPublishAlias"] for name in found)


def test_an_older_python_cannot_be_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    resources = packaged_by(monkeypatch, OLD)
    assert not any("SnapStart" in resources[name]["Properties"] for name in FUNCTIONS)
    assert SNAP_START not in choices()
    assert HAS_SNAP_START not in conditions()
    assert [snapshots(name) for name in FUNCTIONS] == [{}] * 4
