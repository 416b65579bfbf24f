"""Speaks WebSocket: one file per live dialect, over the same sessions."""
