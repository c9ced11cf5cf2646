"""`make status`: what state a stage's stack is in, what runs there, and where."""

from infra.deploying.artifacts import Artifacts
from infra.deploying.deploy import say_deployments
from infra.deploying.rollout import live_id, say_outputs
from infra.deploying.stage import StageRun

_SHOWN_DEPLOYMENTS = 10


def say_status(run: StageRun, kept: Artifacts) -> bool:
    """Print it; false where there is no stack."""
    stack = run.find()
    if stack is None:
        print(f"there is no stack {run.stack} in {run.aws.region}: is it another region?")
        return False
    reason = f": {stack.reason}" if stack.reason else ""
    print(f"{stack.status}, last changed {stack.changed.astimezone():%Y-%m-%d %H:%M %Z}{reason}")
    say_outputs(stack)
    deployments = kept.deployments()
    if deployments:
        print("deployments:")
        say_deployments(deployments[:_SHOWN_DEPLOYMENTS], live_id(run, stack))
    return True
