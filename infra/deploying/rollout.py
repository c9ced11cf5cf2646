"""The way of a template into the stack, for what is new and for what is old alike: change set,
look, yes, events, outputs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.deploying import artifacts, changes, parameters
from infra.deploying.artifacts import Artifacts, Deployment, template_id
from infra.deploying.change_sets import ChangeSet, Wish, create_change_set, drop_change_set
from infra.deploying.errors import DeployingError, OperationFailed
from infra.deploying.failures import failure_report
from infra.deploying.parameters import Chosen
from infra.deploying.stacks import Stack, Watch, await_end
from infra.deploying.stage import StageRun, changeable_stack, say_left_behind

_FIRST_OUTPUTS = ("EndpointURL", "WebhookURL")
_LABELS = {"EndpointURL": "API", "WebhookURL": "Stripe's webhook endpoint"}
_GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})


@dataclass(frozen=True, slots=True)
class Choice:
    """Parameters that are given, where they are written, and what may be removed or replaced."""

    given: Mapping[str, str]
    where: str
    expendable: Sequence[str] = ()


def roll_out(run: StageRun, kept: Artifacts, deployment: Deployment, choice: Choice) -> None:
    """Bring the stack to a deployment; raises `DeployingError` where that is not done."""
    stack = changeable_stack(run)
    template = kept.template(deployment)
    chosen = _chosen(template, deployment, choice, stack)
    deployment = replace(deployment, parameters={item.name: item.value for item in chosen})
    if stack and _is_live(run, stack, deployment, chosen):
        _finish_unchanged(run, kept, deployment, stack)
        return
    wish = Wish(
        stack=run.stack,
        template_url=kept.template_url(deployment),
        parameters=chosen,
        creates=stack is None,
        about=f"{deployment.id} of commit {deployment.commit}",
    )
    change_set = create_change_set(run.aws.cloudformation, wish)
    if change_set is None or (stack and not change_set.changes):
        _finish_unchanged(run, kept, deployment, run.find())
        return
    if _is_accepted(run, change_set, chosen, choice):
        _execute(run, kept, deployment, change_set)


def say_outputs(stack: Stack) -> None:
    """Print a stack's outputs: the addresses that people need, then the tables, then the rest."""
    rest = sorted(
        set(stack.outputs) - set(_FIRST_OUTPUTS),
        key=lambda name: (not name.endswith("TableName"), name),
    )
    names = [name for name in (*_FIRST_OUTPUTS, *rest) if name in stack.outputs]
    width = max((len(_LABELS.get(name, name)) for name in names), default=0)
    for name in names:
        print(f"  {_LABELS.get(name, name).ljust(width)}  {stack.outputs[name]}")


def live_id(run: StageRun, stack: Stack) -> str | None:
    """Return the id of the deployment that a stack was brought to last; None for an empty one."""
    if stack.is_shell:
        return None
    body = run.aws.cloudformation.get_template(StackName=stack.id, TemplateStage="Original")
    template = body["TemplateBody"]
    return template_id(json.loads(template) if isinstance(template, str) else template)


def _chosen(
    template: Mapping[str, Any], deployment: Deployment, choice: Choice, stack: Stack | None
) -> list[Chosen]:
    declared = template.get("Parameters", {})
    previous = stack.parameters if stack else {}
    # An old template may have a parameter that newer ones lack: the value that it had then.
    recorded = {
        name: value
        for name, value in deployment.parameters.items()
        if name in declared and name not in {*previous, parameters.RELEASE}
    }
    return parameters.choose(
        declared, {**recorded, **choice.given}, previous, choice.where, deployment.template_key
    )


def _is_live(run: StageRun, stack: Stack, deployment: Deployment, chosen: Sequence[Chosen]) -> bool:
    """Tell whether there is nothing to do. A change set alone cannot: the API is redeployed by
    each, since SAM's AlwaysDeploy goes by the clock.
    """
    same_parameters = all(item.is_kept or item.value == item.was for item in chosen)
    return same_parameters and live_id(run, stack) == deployment.id


def _finish_unchanged(
    run: StageRun, kept: Artifacts, deployment: Deployment, stack: Stack | None
) -> None:
    print(f"no changes: {run.stack} is at {deployment.id} already")
    if not run.dry_run:
        # Also where a run was cut off before it could say how its deployment ended.
        kept.record(deployment, artifacts.SUCCEEDED)
    if stack:
        say_outputs(stack)


def _is_accepted(
    run: StageRun, change_set: ChangeSet, chosen: Sequence[Chosen], choice: Choice
) -> bool:
    """Show a change set and have it confirmed; one that is not is deleted."""
    accepted = False
    try:
        _show(change_set, chosen)
        refused = changes.unconfirmed(change_set.changes, choice.expendable)
        _warn(refused)
        if run.dry_run:
            print("a dry run: this is what would be done, and none of it was")
        elif refused:
            names = ",".join(change.logical_id for change in refused)
            raise DeployingError(
                f"refused: nothing was done. REPLACE={names} says that it is meant"
            )
        else:
            run.console.ensure_yes(f"Bring {run.stack} to this?")
            accepted = True
    finally:
        if not accepted:
            drop_change_set(run.aws.cloudformation, change_set)
    return accepted


def _show(change_set: ChangeSet, chosen: Sequence[Chosen]) -> None:
    new_values = parameters.shown(list(chosen))
    if new_values:
        print("parameters:", *new_values, sep="\n  ")
    print("changes:", *changes.shown(change_set.changes), sep="\n  ")


def _warn(refused: Sequence[changes.Change]) -> None:
    for change in refused:
        print(f"!! {change.logical_id}: {change.effect}; {change.risk}")


def _execute(run: StageRun, kept: Artifacts, deployment: Deployment, change_set: ChangeSet) -> None:
    watch = Watch.from_now(run.aws.cloudformation, change_set.stack_id)
    kept.record(deployment, artifacts.STARTED)
    run.aws.cloudformation.execute_change_set(
        ChangeSetName=change_set.id, StackName=change_set.stack_id
    )
    print("under way; if this ends early, it goes on in AWS, and the same command shows the rest")
    ended = await_end(watch)
    if ended.status not in _GOOD:
        kept.record(deployment, artifacts.FAILED)
        say_left_behind(watch)
        raise OperationFailed(failure_report(ended, watch.causes()))
    kept.record(deployment, artifacts.SUCCEEDED)
    if run.is_production:
        run.aws.cloudformation.update_termination_protection(
            EnableTerminationProtection=True, StackName=ended.id
        )
    print(f"done: {run.stack} is at {deployment.id} ({ended.status})")
    say_outputs(ended)
