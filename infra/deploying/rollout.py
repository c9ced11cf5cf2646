"""The way of a template into the stack, for what is new and for what is old alike: change set,
look, yes, events, outputs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.deploying import artifacts, changes, parameters
from infra.deploying.artifacts import Artifacts, Deployment, begun, template_id
from infra.deploying.change_sets import ChangeSet, Wish, clean_up, create_change_set
from infra.deploying.errors import DeployingError, OperationFailed
from infra.deploying.failures import failure_report
from infra.deploying.parameters import Chosen
from infra.deploying.stacks import Stack, Watch, await_end
from infra.deploying.stage import StageRun, changeable_stack, say_left_behind
from infra.packaging.choices import AT_ONCE, RELEASE, SHIFT

_FIRST_OUTPUTS = ("EndpointURL", "WebhookURL")
_LABELS = {"EndpointURL": "API", "WebhookURL": "Stripe's webhook endpoint"}
_HOW_TO_HURRY = (
    "it comes gradually, and an alarm that is on stops it, also one that was on before; "
    f"SHIFT={AT_ONCE} brings it past the alarms"
)
_NO_RESOURCE = "of no resource: outputs, conditions or the like"
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
    attempts = _settled(run, kept, stack)
    chosen = _chosen(template, deployment, choice, stack, _package(deployment, attempts))
    values = {item.name: item.value for item in chosen}
    deployment = begun(replace(deployment, parameters=values))
    live = _live_template(run, stack) if stack else {}
    if _is_live(live, deployment, chosen):
        _finish_unchanged(run, kept, deployment, attempts, stack)
        return
    wish = Wish(
        stack=run.stack,
        template_url=kept.template_url(deployment),
        parameters=chosen,
        creates=stack is None,
        about=f"{deployment.id} of commit {deployment.commit}",
    )
    change_set = create_change_set(run.aws.cloudformation, wish)
    if change_set is None:
        _finish_unchanged(run, kept, deployment, attempts, run.find())
        return
    judged = changes.judged(change_set.changes, live, template)
    change_set = replace(change_set, changes=judged)
    if is_accepted(run, change_set, chosen, choice):
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
    return None if stack.is_shell else template_id(_live_template(run, stack))


def _live_template(run: StageRun, stack: Stack) -> Mapping[str, Any]:
    answer = run.aws.cloudformation.get_template(StackName=stack.id, TemplateStage="Original")
    body = answer["TemplateBody"]
    template: Mapping[str, Any] = json.loads(body) if isinstance(body, str) else body
    return template


def _settled(run: StageRun, kept: Artifacts, stack: Stack | None) -> list[Deployment]:
    """Return the attempts; one that was cut off before it could say how it ended has its outcome.

    Nothing works on the stack any more, so that the stack says it.
    """
    attempts = kept.deployments()
    if not attempts or attempts[0].outcome != artifacts.STARTED:
        return attempts
    cut_off, *rest = attempts
    is_good = stack is not None and stack.status in _GOOD and live_id(run, stack) == cut_off.id
    outcome = artifacts.SUCCEEDED if is_good else artifacts.FAILED
    if not run.dry_run:
        kept.record(cut_off, outcome)
    return [replace(cut_off, outcome=outcome), *rest]


def _package(deployment: Deployment, attempts: Sequence[Deployment]) -> str:
    """Return what is deployed, as its release is named by: another one after a try that failed.

    A failed update leaves the version that it published. Lambda makes no second one of the same,
    and CloudFormation takes none that is there ("A version for this Lambda function exists").
    """
    last = next((item for item in attempts if item.id == deployment.id), None)
    if last is None or last.outcome == artifacts.SUCCEEDED:
        return deployment.template_key
    return f"{deployment.template_key} after {last.at}"


def _chosen(
    template: Mapping[str, Any],
    deployment: Deployment,
    choice: Choice,
    stack: Stack | None,
    package: str,
) -> list[Chosen]:
    declared = template.get("Parameters", {})
    previous = stack.parameters if stack else {}
    # An old template may have a parameter that newer ones lack: the value that it had then.
    recorded = {
        name: value
        for name, value in deployment.parameters.items()
        if name in declared and name not in {*previous, RELEASE, SHIFT}
    }
    given = {**recorded, **choice.given}
    if SHIFT in given and SHIFT not in declared:
        # Its absence must not stand in the way of who is in a hurry.
        print(f"{deployment.id} has no {SHIFT}: its versions come as they did then")
        del given[SHIFT]
    return parameters.choose(declared, given, previous, choice.where, package)


def _is_live(live: Mapping[str, Any], deployment: Deployment, chosen: Sequence[Chosen]) -> bool:
    """Tell whether there is nothing to do. A change set alone cannot: the API is redeployed by
    each, since SAM's AlwaysDeploy goes by the clock.
    """
    return parameters.are_as_before(chosen) and template_id(live) == deployment.id


def _finish_unchanged(
    run: StageRun,
    kept: Artifacts,
    deployment: Deployment,
    attempts: Sequence[Deployment],
    stack: Stack | None,
) -> None:
    print(f"no changes: {run.stack} is at {deployment.id} already")
    last = next((item for item in attempts if item.outcome == artifacts.SUCCEEDED), None)
    if not run.dry_run and (last is None or last.id != deployment.id):
        kept.record(deployment, artifacts.SUCCEEDED)
    if stack and not run.dry_run:
        _protect(run, stack)
    if stack:
        say_outputs(stack)


def _protect(run: StageRun, stack: Stack) -> None:
    """Keep production's stack from being deleted by mistake."""
    if run.is_production and stack.terminable:
        run.aws.cloudformation.update_termination_protection(
            EnableTerminationProtection=True, StackName=stack.id
        )


def is_accepted(
    run: StageRun, change_set: ChangeSet, chosen: Sequence[Chosen], choice: Choice
) -> bool:
    """Show a change set and have it confirmed; one that is not is deleted."""
    accepted = False
    try:
        _show(change_set, chosen)
        refused = changes.unconfirmed(change_set.changes, choice.expendable)
        _warn(refused)
        if run.dry_run:
            print("a dry run: this is what would be done to the stack, and none of it was")
        elif refused:
            names = ",".join(change.logical_id for change in refused)
            raise DeployingError(
                f"refused: nothing was done. REPLACE={names} says that it is meant"
            )
        else:
            if _may_be_stopped(run, change_set, chosen):
                print(_HOW_TO_HURRY)
            run.console.ensure_yes(f"Bring {run.stack} to this?")
            accepted = True
    finally:
        if not accepted:
            clean_up(run.aws.cloudformation, change_set)
    return accepted


def _may_be_stopped(run: StageRun, change_set: ChangeSet, chosen: Sequence[Chosen]) -> bool:
    at_once = any((item.name, item.value) == (SHIFT, AT_ONCE) for item in chosen)
    return run.is_production and not change_set.creates and not at_once


def _show(change_set: ChangeSet, chosen: Sequence[Chosen]) -> None:
    new_values = parameters.shown(list(chosen))
    if new_values:
        print("parameters:", *new_values, sep="\n  ")
    print("changes:", *(changes.shown(change_set.changes) or [_NO_RESOURCE]), sep="\n  ")


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
    _protect(run, ended)
    print(f"done: {run.stack} is at {deployment.id} ({ended.status})")
    say_outputs(ended)
