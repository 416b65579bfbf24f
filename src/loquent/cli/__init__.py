"""The `loquent` command; every subcommand starts a process and holds no rule of its own."""

from loquent.cli.app import main

__all__ = ["main"]
