"""`make rollback`: what ran before runs again, by the way of every other deployment."""

import json
import re

import pytest

from tests.deploying.cloud import Cloud, Shop, broken, gate, table
from tests.deploying.test_deploy import parameters, said

pytestmark = pytest.mark.xdist_group("deploying")


def rollback(shop: Shop, *options: str) -> list[str]:
    return ["rollback", "--stack", shop.stack, *options]


def update(cloud: Cloud, shop: Shop, code: str) -> str:
    """Deploy another version of the code; returns the deployment's id."""
    shop.package(code=code)
    shown = cloud.done(*shop.deploy("--yes", JwtIssuer=f"https://{code}.example"))
    (deployment,) = re.findall(r"done: \S+ is at (\S+)", shown)
    return str(deployment)


def test_the_version_before_runs_again_and_the_parameters_stay(
    cloud: Cloud, deployed: Shop
) -> None:
    update(cloud, deployed, "second")

    shown = cloud.done(*rollback(deployed, "--yes"))

    assert "Modify  Speaker" in shown
    assert said(cloud, deployed) == "first"
    assert parameters(cloud, deployed)["JwtIssuer"] == "https://second.example"


def test_an_older_version_is_chosen_by_the_beginning_of_its_id(
    cloud: Cloud, deployed: Shop
) -> None:
    second = update(cloud, deployed, "second")
    third = update(cloud, deployed, "third")
    listed = cloud.done(*rollback(deployed, "--list"))
    ids = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]
    assert ids[:2] == [third, second]
    assert len(ids) == 3

    cloud.done(*rollback(deployed, "--yes", "--to", ids[2][:6]))

    assert said(cloud, deployed) == "first"


def test_a_dry_run_and_a_missing_yes_leave_the_version_that_runs(
    cloud: Cloud, deployed: Shop
) -> None:
    update(cloud, deployed, "second")

    shown = cloud.done(*rollback(deployed, "--dry-run"))
    unconfirmed = cloud.run(*rollback(deployed))

    assert "a dry run" in shown
    assert re.search(r"\blive\b", shown)
    assert unconfirmed.returncode == 1
    assert said(cloud, deployed) == "second"


def test_a_version_that_failed_is_not_gone_back_to(cloud: Cloud, deployed: Shop) -> None:
    deployed.package(gate(seconds=1), code="broken")
    assert cloud.run(*deployed.deploy("--yes")).returncode == 1
    update(cloud, deployed, "third")

    shown = cloud.done(*rollback(deployed, "--yes"))

    assert "failed" in shown
    assert said(cloud, deployed) == "first"


def test_a_good_version_stays_good_when_a_change_of_its_parameters_failed(
    cloud: Cloud, deployed: Shop
) -> None:
    deployed.package(broken(), code="second")
    cloud.done(*deployed.deploy("--yes"))
    assert (
        cloud.run(
            *deployed.deploy("--yes", JwtIssuer="https://a.example", Greeting="broken")
        ).returncode
        == 1
    )
    update(cloud, deployed, "third")

    cloud.done(*rollback(deployed, "--yes"))

    assert said(cloud, deployed) == "second"


def test_a_version_whose_deployment_was_cut_off_and_went_well_is_gone_back_to(
    cloud: Cloud, deployed: Shop
) -> None:
    update(cloud, deployed, "second")
    s3, bucket = cloud.aws.client("s3"), "events-api-packages-000000000000-us-east-1"
    kept = s3.list_objects_v2(Bucket=bucket, Prefix=f"deployments/{deployed.stack}/")["Contents"]
    last = max(item["Key"] for item in kept)
    record = json.loads(s3.get_object(Bucket=bucket, Key=last)["Body"].read())
    # As the run left it that was cut off.
    s3.put_object(Bucket=bucket, Key=last, Body=json.dumps({**record, "outcome": "started"}))
    update(cloud, deployed, "third")

    cloud.done(*rollback(deployed, "--yes"))

    assert said(cloud, deployed) == "second"


def test_going_back_once_more_goes_further_and_not_forth(cloud: Cloud, deployed: Shop) -> None:
    update(cloud, deployed, "second")
    update(cloud, deployed, "third")
    cloud.done(*rollback(deployed, "--yes"))
    assert said(cloud, deployed) == "second"

    cloud.done(*rollback(deployed, "--yes"))

    assert said(cloud, deployed) == "first"
    assert "there is nothing to go back to" in cloud.run(*rollback(deployed, "--yes")).stderr


def test_an_incident_is_gone_back_from_at_once_and_the_next_version_comes_gradually(
    cloud: Cloud, shop: Shop
) -> None:
    cloud.done(*shop.deploy("--stage", "prod", "--yes"))
    shop.package(code="second")
    shown = cloud.done(*shop.deploy("--stage", "prod", "--yes"))
    assert "SHIFT=at-once brings it past the alarms" in shown

    shown = cloud.done(*rollback(shop, "--stage", "prod", "--yes", "--shift", "at-once"))
    assert "Shift      at-once  (was gradual)" in shown
    assert "SHIFT=at-once" not in shown
    assert parameters(cloud, shop)["Shift"] == "at-once"
    assert said(cloud, shop) == "first"

    assert "no changes" in cloud.done(*shop_of("first", shop).deploy("--stage", "prod"))
    cloud.done(*shop_of("third", shop).deploy("--stage", "prod", "--yes"))
    assert parameters(cloud, shop)["Shift"] == "gradual"


def test_a_version_from_before_there_was_a_choice_is_gone_back_to(cloud: Cloud, shop: Shop) -> None:
    path = shop.package() / "sam.json"
    old = json.loads(path.read_text())
    del old["Parameters"]["Shift"]
    path.write_text(json.dumps(old))
    cloud.done(*shop.deploy("--yes"))
    update(cloud, shop, "second")

    shown = cloud.done(*rollback(shop, "--yes", "--shift", "at-once"))

    assert "has no Shift" in shown
    assert said(cloud, shop) == "first"


def shop_of(code: str, shop: Shop) -> Shop:
    shop.package(code=code)
    return shop


def test_a_version_without_a_table_does_not_take_the_table_away(
    cloud: Cloud, deployed: Shop
) -> None:
    deployed.package({"Ledger": table()})
    cloud.done(*deployed.deploy("--yes"))

    refused = cloud.run(*rollback(deployed, "--yes"))

    assert refused.returncode == 1
    assert "REPLACE=Ledger" in refused.stderr


def test_where_nothing_was_before_that_is_said(cloud: Cloud, standing: Shop) -> None:
    alone = cloud.run(*rollback(standing, "--yes"))
    unknown = cloud.run(*rollback(standing, "--yes", "--to", "nothing"))
    absent = cloud.run("rollback", "--stack", "events-api-absent")

    assert "there is nothing to go back to" in alone.stderr
    assert "nothing is the beginning of 0 of the deployments" in unknown.stderr
    assert "there is no stack events-api-absent that could go back" in absent.stderr
    assert {alone.returncode, unknown.returncode, absent.returncode} == {1}


def test_the_state_names_what_runs_and_where(cloud: Cloud, deployed: Shop) -> None:
    second = update(cloud, deployed, "second")

    shown = cloud.done("status", "--stack", deployed.stack)

    assert "UPDATE_COMPLETE, last changed 20" in shown
    assert "https://hello.example/" in shown
    assert re.search(rf"{second} +\S+ +live", shown)


def test_the_state_of_nothing_is_a_failure_that_names_the_region(cloud: Cloud) -> None:
    ended = cloud.run("status", "--stack", "events-api-absent", "--bucket", "absent-bucket")

    assert ended.returncode == 1
    assert "there is no stack events-api-absent in us-east-1" in ended.stdout


def test_the_state_is_shown_without_a_bucket_too(cloud: Cloud, standing: Shop) -> None:
    shown = cloud.done("status", "--stack", standing.stack, "--bucket", "absent-bucket")

    assert "CREATE_COMPLETE" in shown
    assert "deployments" not in shown
