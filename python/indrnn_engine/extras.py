"""Optional packages, imported when they are needed."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["missing", "require"]


def require(module: str, package: str, extra: str = "cli") -> Any:
    """Import the module, or raise an ImportError that says how to install it.

    Parameters
    ----------
    module : str
        Name to import, such as "sklearn.datasets".
    package : str
        Name of the distribution, such as "scikit-learn".
    extra : str, default "cli"
        Extra of this package that brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing(package, extra) from error


def missing(package: str, extra: str = "cli") -> ImportError:
    """Make the error that says how to install a package."""
    return ImportError(
        f"{package} is needed for this and is not installed; "
        f'run: pip install "indrnn_engine[{extra}]"'
    )
