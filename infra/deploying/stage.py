"""The stack of a stage as a command finds it, and the states in which it has to be helped first."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.adapters.secret_rules import is_production
from infra.deploying.aws import Aws
from infra.deploying.console import Console
from infra.deploying.errors import DeployingError
from infra.deploying.stack_stage import wrong_stage
from infra.deploying.stacks import Stack, Watch, await_end, find_stack

# What has to be done by hand, or by another command, before the stack takes changes again.
_STUCK = {
    "UPDATE_ROLLBACK_FAILED": (
        "going back failed half-way. Mend what the events name, then run "
        "`aws cloudformation continue-update-rollback --stack-name {name}`, and this again"
    ),
    "UPDATE_FAILED": (
        "an update failed and was not rolled back: run "
        "`aws cloudformation rollback-stack --stack-name {name}`, and this again"
    ),
    "DELETE_FAILED": "its deletion failed half-way: `make destroy` goes on with it",
    "ROLLBACK_FAILED": "its creation and the clean-up failed: `make destroy` goes on with it",
    "CREATE_FAILED": "its creation failed: `make destroy` removes what there is of it",
}


@dataclass(frozen=True)
class StageRun:
    """One command's run for one stage."""

    aws: Aws
    stage: str
    stack: str
    console: Console
    dry_run: bool = False

    @property
    def is_production(self) -> bool:
        """Whether the stage is one that sells real tickets."""
        return is_production(self.stage)

    def find(self) -> Stack | None:
        """Return the stack as it is at this moment; raises `DeployingError` where it is another
        stage's: every command comes by here before it does anything to it.
        """
        stack = find_stack(self.aws.cloudformation, self.stack)
        wrong = wrong_stage(stack, self.stage, self.aws.client) if stack else None
        if wrong:
            raise DeployingError(f"refused: nothing was done. {wrong}")
        return stack

    def headline(self, doing: str) -> None:
        """Say what is done where: a wrong account or region is seen before anything happens."""
        print(
            f"{doing}: stage {self.stage}, stack {self.stack}, "
            f"account {self.aws.account}, region {self.aws.region}"
        )


def idle_stack(run: StageRun) -> Stack | None:
    """Return the stack when nothing works on it, waiting for what does."""
    stack = run.find()
    if stack is None or not stack.is_busy:
        return stack
    print(f"the stack is at something already ({stack.status}); its events:")
    ended = await_end(Watch.from_beginning(run.aws.cloudformation, stack.id))
    print(f"that ended with {ended.status}")
    return None if ended.is_gone else ended


def changeable_stack(run: StageRun) -> Stack | None:
    """Return the stack that can be updated; None where one is to be created.

    What is left of a creation that failed is deleted, since CloudFormation can do nothing else
    with it, once somebody said yes. Raises `DeployingError` where a person has to help first.
    """
    stack = idle_stack(run)
    if stack is None:
        return None
    if stack.is_shell:
        print("an earlier attempt left an empty stack (REVIEW_IN_PROGRESS): it is used")
        return None
    if stack.status == "ROLLBACK_COMPLETE":
        _delete_failed_creation(run, stack)
        return None
    if stack.status in _STUCK:
        raise DeployingError(
            f"the stack is {stack.status}: {_STUCK[stack.status].format(name=stack.name)}"
        )
    return stack


def delete_and_await(run: StageRun, stack: Stack) -> tuple[Stack, Watch]:
    """Delete the stack and show its events; returns how it ended."""
    watch = Watch.from_now(run.aws.cloudformation, stack.id)
    run.aws.cloudformation.delete_stack(StackName=stack.id)
    return await_end(watch), watch


def say_left_behind(watch: Watch, say: Callable[[str], None] = print) -> None:
    """Name what a deletion or a rollback kept, which is nobody's from then on."""
    kept = {event.physical_id: event for event in watch.left_behind() if event.physical_id}
    if kept:
        say("kept, and outside of any stack from now on:")
    for name, event in kept.items():
        say(f"  {event.logical_id}  {name}")


def _delete_failed_creation(run: StageRun, stack: Stack) -> None:
    print("the stack's first creation failed (ROLLBACK_COMPLETE), and nothing runs in it;")
    print("CloudFormation wants it deleted before it makes another one")
    if run.dry_run:
        raise DeployingError("a dry run deletes nothing: its changes cannot be shown before that")
    run.console.ensure_yes(f"Delete what is left of {stack.name}?")
    ended, watch = delete_and_await(run, stack)
    say_left_behind(watch)
    if not ended.is_gone:
        raise DeployingError(f"it could not be deleted ({ended.status}): {ended.reason}")
