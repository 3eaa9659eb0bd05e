"""The command line: a TOML file becomes a data set and a model; formulas in text are never executed."""

from pycmtensor.command.commands import main

__all__ = ["main"]
