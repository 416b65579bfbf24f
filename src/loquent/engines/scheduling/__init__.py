"""Shares one loaded model between everybody who waits for it."""
