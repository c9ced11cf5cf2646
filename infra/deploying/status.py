"""`make status`: what state a stage's stack is in, what runs there, and where."""

from infra.deploying.artifacts import Artifacts
from infra.deploying.deploy import say_deployments
from infra.deploying.rollout import live_id, say_outputs
from infra.deploying.stage import StageRun

_SHOWN_DEPLOYMENTS = 10


def say_status(run: StageRun, kept: Artifacts | None) -> int:
    """Print it; 1 where there is no stack. `kept` is None where there is no bucket either."""
    stack = run.find()
    if stack is None:
        print(f"there is no stack {run.stack} in {run.aws.region}: is it another region?")
        return 1
    reason = f": {stack.reason}" if stack.reason else ""
    print(f"{stack.status}, last changed {stack.changed.astimezone():%Y-%m-%d %H:%M %Z}{reason}")
    say_outputs(stack)
    if kept:
        print("deployments:")
        say_deployments(kept.deployments()[:_SHOWN_DEPLOYMENTS], live_id(run, stack))
    return 0
