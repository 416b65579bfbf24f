"""Servers that speak the OpenAI wire: its own, other companies', and ones that operators run."""
