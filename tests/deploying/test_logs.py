"""`make logs`: what the functions wrote, in the order of time, for people."""

import json
import signal
import time
from typing import Any

import pytest

from tests.deploying.cloud import Cloud, Shop

pytestmark = pytest.mark.xdist_group("deploying")


@pytest.fixture(scope="module")
def talking(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A stack whose functions wrote something, one after the other."""
    shop = Shop("events-api-talking", tmp_path_factory.mktemp("talking"))
    shop.package()
    cloud.done(*shop.deploy("--yes"))
    told = {
        "APIHandler": {
            "level": "INFO",
            "message": "order made",
            "orderId": "01JA-7",
            "service": "x",
        },
        "Speaker": "a plain line",
    }
    write(cloud, shop, told)
    return shop


def write(cloud: Cloud, shop: Shop, told: dict[str, Any]) -> None:
    logs = cloud.aws.client("logs")
    for number, (function, line) in enumerate(told.items()):
        group = f"/aws/lambda/{shop.stack}-{function}"
        logs.create_log_stream(logGroupName=group, logStreamName=f"s{time.time_ns()}")
        stream = logs.describe_log_streams(logGroupName=group)["logStreams"][-1]["logStreamName"]
        message = line if isinstance(line, str) else json.dumps(line)
        at = int(time.time() * 1_000) + number - 100
        logs.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": at, "message": f"{message}\n"}],
        )


def lines(cloud: Cloud, shop: Shop, *options: str) -> list[str]:
    return cloud.done("logs", "--stack", shop.stack, *options).splitlines()


def test_all_functions_lines_come_in_the_order_of_time(cloud: Cloud, talking: Shop) -> None:
    first, second = lines(cloud, talking)

    assert first.endswith("APIHandler  INFO     order made  orderId=01JA-7")
    assert second.endswith("Speaker     a plain line")


@pytest.mark.parametrize("function", ["api", "APIHandler", "apihandler"])
def test_one_functions_lines_are_shown_alone(cloud: Cloud, talking: Shop, function: str) -> None:
    (line,) = lines(cloud, talking, "--function", function)

    assert "order made" in line


def test_raw_lines_are_as_they_were_written(cloud: Cloud, talking: Shop) -> None:
    first, second = lines(cloud, talking, "--raw")

    assert json.loads(first)["service"] == "x"
    assert second == "a plain line"


def test_text_is_looked_for(cloud: Cloud, talking: Shop) -> None:
    (line,) = lines(cloud, talking, "--filter", "01JA-7")

    assert "order made" in line


def test_what_is_older_than_asked_for_is_not_shown(cloud: Cloud, talking: Shop) -> None:
    time.sleep(1.1)
    assert lines(cloud, talking, "--since", "1s") == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--function", "cook"], "FUNCTION=cook is none of api, webhook, authorizer, timer"),
        (["--since", "soon"], "SINCE=soon: a time is meant"),
        (["--stack", "events-api-absent"], "there is no stack events-api-absent in us-east-1"),
    ],
)
def test_what_cannot_be_meant_is_said(
    cloud: Cloud, talking: Shop, options: list[str], told: str
) -> None:
    ended = cloud.run("logs", "--stack", talking.stack, *options)

    assert ended.returncode == 1
    assert told in ended.stderr


def test_lines_are_followed_until_interrupted_each_once(cloud: Cloud, talking: Shop) -> None:
    with cloud.start("logs", "--stack", talking.stack, "--follow", "--function", "api") as process:
        assert process.stdout is not None
        assert "order made" in process.stdout.readline()
        write(cloud, talking, {"APIHandler": {"level": "ERROR", "message": "and another"}})
        assert "and another" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=120)

    assert process.returncode == 130
    assert rest == ""
    assert "Traceback" not in errors
