"""Administer organisations, projects and keys over HTTP."""
