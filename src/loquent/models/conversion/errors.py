"""What can be wrong with a checkpoint."""

from __future__ import annotations


class CheckpointError(ValueError):
    """The file is no checkpoint, not of the network that is wanted, or not to be trusted."""
