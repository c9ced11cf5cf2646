"""`make deploy` and `make rollback`: a new package, or one of those before it, into the stack."""

from dataclasses import dataclass
from pathlib import Path

from infra.deploying.artifacts import SUCCEEDED, Artifacts, Deployment, read_template
from infra.deploying.bucket import ensure_bucket
from infra.deploying.commits import current_commit
from infra.deploying.errors import DeployingError
from infra.deploying.parameters import choose
from infra.deploying.rollout import Choice, live_id, roll_out
from infra.deploying.stage import StageRun, idle_stack
from infra.packaging.build import build_package
from infra.packaging.stages import described_stage

_LIVE = "live"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the package is; made there first, unless it `exists` already."""

    package: Path
    architecture: str
    exists: bool


def deploy(run: StageRun, source: Source, choice: Choice, bucket: str | None) -> None:
    """Package and deploy; raises `PackagingError` and `DeployingError`.

    Nothing is sent before the parameters have been found right.
    """
    if not source.exists:
        print(f"packaging {source.package}")
        size = build_package(run.stage, source.architecture, source.package)
        print(f"packaged: {size.zipped / 1_000_000:.1f} MB, for {source.architecture}")
    _check(run, source.package, choice)
    kept = Artifacts(run.aws, ensure_bucket(run.aws, bucket), run.stack)
    deployment = kept.upload(source.package, current_commit())
    print(f"deployment {deployment.id}, commit {deployment.commit}, in {kept.bucket}")
    roll_out(run, kept, deployment, choice)


def roll_back(run: StageRun, kept: Artifacts, to: str | None, choice: Choice) -> None:
    """Deploy an earlier deployment: the one named, or the last good one before the live one."""
    deployments = kept.deployments()
    stack = idle_stack(run)
    if stack is None or stack.is_shell:
        raise DeployingError(f"there is no stack {run.stack} that could go back")
    live = live_id(run, stack)
    say_deployments(deployments, live)
    wanted = named(deployments, to) if to else before(deployments, live)
    print(f"back to {wanted.id}, commit {wanted.commit}")
    roll_out(run, kept, wanted, choice)


def say_deployments(deployments: list[Deployment], live: str | None) -> None:
    """Print the attempts that are kept, last ones first; the live one is marked once."""
    running = next((item for item in deployments if item.id == live), None)
    for item in deployments:
        outcome = _LIVE if item is running else item.outcome
        print(f"  {item.id}  {item.at}  {outcome:<9}  {item.commit}  {item.subject}".rstrip())


def named(attempts: list[Deployment], to: str) -> Deployment:
    """Return the deployment whose id begins like this: its last good attempt, or else its last."""
    found = [item for item in attempts if item.id.startswith(to)]
    ids = {item.id for item in found}
    if len(ids) != 1:
        raise DeployingError(f"{to} is the beginning of {len(ids)} of the deployments, not of one")
    return next((item for item in found if item.outcome == SUCCEEDED), found[0])


def before(attempts: list[Deployment], live: str | None) -> Deployment:
    """Return the last good one that was deployed before the live one.

    Whoever went back to one has left behind what came after it: going back once more goes further.
    """
    line: list[Deployment] = []
    for item in reversed(attempts):
        if item.outcome == SUCCEEDED:
            line = [*_up_to(line, item.id), item]
    earlier = _up_to(line, live)
    if not earlier:
        raise DeployingError(
            "no earlier deployment that succeeded is kept: there is nothing to go back to"
        )
    return earlier[-1]


def _check(run: StageRun, package: Path, choice: Choice) -> None:
    stack = run.find()
    template = read_template(package)
    of_stage = described_stage(template.get("Description", ""))
    if of_stage and of_stage != run.stage:
        raise DeployingError(f"{package} is of the stage {of_stage}, not {run.stage}")
    declared = template.get("Parameters", {})
    choose(declared, choice.given, stack.parameters if stack else {}, choice.where)


def _up_to(line: list[Deployment], name: str | None) -> list[Deployment]:
    ids = [item.id for item in line]
    return line[: ids.index(name)] if name in ids else line
