"""`python -m infra.deploying deploy|rollback|status|logs|destroy`: a stage in AWS, by the
credentials of the environment.

Ends with 0 when it is done, 1 when it is not (and why on standard error), 130 on Ctrl-C. Each
command can be run again after it was cut off, and goes on from there.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from infra.deploying.artifacts import Artifacts
from infra.deploying.aws import open_aws
from infra.deploying.bucket import bucket_name
from infra.deploying.console import Console
from infra.deploying.deploy import Source, deploy, roll_back, say_deployments
from infra.deploying.destroy import destroy
from infra.deploying.errors import AWS_ERRORS, DeployingError, explained
from infra.deploying.logs import Question, moment, pattern, say_logs
from infra.deploying.parameters import read_parameters, stage_file
from infra.deploying.rollout import Choice
from infra.deploying.stage import StageRun
from infra.deploying.status import say_status
from infra.packaging.__main__ import ensure_tools
from infra.packaging.choices import AT_ONCE, GRADUAL, SHIFT
from infra.packaging.dependencies import ARCHITECTURES
from infra.packaging.errors import PackagingError
from infra.packaging.stages import ROOT, stage_names, stage_setting

_DONE, _NOT_DONE, _INTERRUPTED = 0, 1, 130
_GO_ON = "interrupted. What has begun in AWS goes on there; the same command goes on from there"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    # Events and questions appear in their order, also where the output is kept in a file.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    options = _parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options)
    except (DeployingError, PackagingError) as error:
        print(error, file=sys.stderr)
    except AWS_ERRORS as error:
        print(explained(error), file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\n{_GO_ON}", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read this (`make logs | head`) has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _DONE
    return _NOT_DONE


def _deploy(options: argparse.Namespace) -> int:
    choice, source = _choice(options), _source(options)
    run = _run(options)
    run.headline("deploy")
    deploy(run, source, choice, options.bucket)
    return _DONE


def _rollback(options: argparse.Namespace) -> int:
    run = _run(options)
    run.headline("rollback")
    kept = Artifacts(run.aws, options.bucket or bucket_name(run.aws), run.stack)
    if options.list:
        say_deployments(kept.deployments(), None)
    else:
        choice = Choice(_shift(options), "of an earlier deployment", options.replace)
        roll_back(run, kept, options.to, choice)
    return _DONE


def _status(options: argparse.Namespace) -> int:
    run = _run(options)
    run.headline("status")
    kept = Artifacts(run.aws, options.bucket or bucket_name(run.aws), run.stack)
    return _DONE if say_status(run, kept) else _NOT_DONE


def _logs(options: argparse.Namespace) -> int:
    question = Question(
        since=moment(options.since),
        function=options.function,
        pattern=pattern(options.filter),
        raw=options.raw,
        follow=options.follow,
    )
    say_logs(_run(options), question)
    return _DONE


def _destroy(options: argparse.Namespace) -> int:
    run = _run(options)
    run.headline("destroy")
    destroy(run, options.bucket or bucket_name(run.aws))
    return _DONE


def _run(options: argparse.Namespace) -> StageRun:
    return StageRun(
        aws=open_aws(),
        stage=options.stage,
        stack=options.stack or f"events-api-{options.stage}",
        console=Console(
            yes=getattr(options, "yes", False), confirmed=getattr(options, "confirm", "")
        ),
        dry_run=getattr(options, "dry_run", False),
    )


def _choice(options: argparse.Namespace) -> Choice:
    path = options.parameters or stage_file(options.stage)
    given = read_parameters(path, required=options.parameters is not None)
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return Choice({**given, **_shift(options)}, f"their file is {shown}", options.replace)


def _shift(options: argparse.Namespace) -> dict[str, str]:
    return {SHIFT: options.shift} if options.shift else {}


def _source(options: argparse.Namespace) -> Source:
    architecture = options.architecture or stage_setting(options.stage, "lambda_architecture")
    if options.package:
        return Source(options.package, architecture, exists=True)
    ensure_tools()
    return Source(ROOT / "build" / options.stage, architecture, exists=False)


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "deploy": _deploy,
    "rollback": _rollback,
    "status": _status,
    "logs": _logs,
    "destroy": _destroy,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.deploying", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    add = partial(_command, commands)
    _deploy_options(add("deploy", "package a stage and bring its stack to it"))
    _rollback_options(add("rollback", "bring a stage's stack back to an earlier deployment"))
    add("status", "show a stage's stack, its outputs and its deployments")
    _logs_options(add("logs", "show what a stage's functions logged"))
    down = add("destroy", "delete a stage's stack")
    _asking_options(down)
    down.add_argument("--confirm", default="", metavar="STAGE", help="name a production stage")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, about: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=about, description=about)
    command.add_argument("--stage", choices=stage_names(), default="dev", help="(%(default)s)")
    command.add_argument("--stack", help="the stack's name, where it is not events-api-<stage>")
    command.add_argument("--bucket", help="where packages are kept (default: the account's own)")
    return command


def _asking_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--dry-run", action="store_true", help="only show what would be done")


def _changing_options(command: argparse.ArgumentParser) -> None:
    _asking_options(command)
    command.add_argument(
        "--replace",
        type=lambda text: tuple(name for name in text.split(",") if name),
        default=(),
        metavar="NAMES",
        help="logical ids of what holds data and may be removed or replaced, with commas",
    )
    command.add_argument(
        "--shift",
        choices=(GRADUAL, AT_ONCE),
        help="at-once passes the alarms that stop a gradual shift (production; default: gradual)",
    )


def _deploy_options(command: argparse.ArgumentParser) -> None:
    _changing_options(command)
    command.add_argument(
        "--parameters", type=Path, metavar="FILE", help="(default: infra/stages/<stage>.json)"
    )
    command.add_argument(
        "--package", type=Path, metavar="DIRECTORY", help="deploy this one as it is"
    )
    command.add_argument(
        "--architecture", choices=ARCHITECTURES, help="another than .chalice/config.json's"
    )


def _rollback_options(command: argparse.ArgumentParser) -> None:
    _changing_options(command)
    command.add_argument("--to", metavar="ID", help="(default: the last good one before)")
    command.add_argument("--list", action="store_true", help="only list what is kept")


def _logs_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--function", help="api, webhook, authorizer, timer, or a log group's end")
    command.add_argument("--since", default="15m", help="15m, 2h, 3d, or an ISO time (%(default)s)")
    command.add_argument("--filter", default="", help="text, or a filter pattern of CloudWatch")
    command.add_argument("--follow", action="store_true", help="go on until interrupted")
    command.add_argument("--raw", action="store_true", help="lines as they were written")


if __name__ == "__main__":
    sys.exit(main())
