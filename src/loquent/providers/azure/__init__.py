"""Speaks to Azure Speech: fast transcription for recordings, its voices for texts; no streams."""
