"""Transcribes speech while it is spoken: when to listen again, what to show, what to keep."""
