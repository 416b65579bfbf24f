"""Loquent: a self-hosted speech platform with the OpenAI audio API."""

from importlib.metadata import version

__version__ = version("loquent")
