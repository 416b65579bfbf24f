"""Shares one speaking model between callers, those first whose listeners run out of sound first."""
