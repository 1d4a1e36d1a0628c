"""The command line: one file per command."""

from callboard.cli.main import main

__all__ = ["main"]
