"""Keeps what must outlive the process, in SQLite or PostgreSQL; knows no rule and no wire."""
