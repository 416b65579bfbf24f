"""Speaks to ElevenLabs: Scribe for recordings, its voices for texts; no live streams."""
