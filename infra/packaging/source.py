"""What is packaged, copied to a directory where nothing else is: Chalice loads and zips the app
there, so a module that is not packaged is found missing here and not in Lambda.
"""

import shutil
from pathlib import Path

from infra.packaging.stages import ROOT, read_config, write_config

_PACKAGED = ("app.py", "chalicelib", ".chalice")
_NOT_PACKAGED = shutil.ignore_patterns("__pycache__", "*.pyc", "deployed", "deployments", "venv")


def copy_source(directory: Path, architecture: str) -> None:
    """Copy the app and its configuration to an empty directory, for one Lambda architecture."""
    for name in _PACKAGED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=_NOT_PACKAGED)
        else:
            shutil.copy2(source, directory / name)
    write_config({**read_config(), "lambda_architecture": architecture}, directory)
