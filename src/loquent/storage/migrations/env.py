"""Runs the steps on the connection it is given; knows no URL and reads no file of settings."""

from __future__ import annotations

from alembic import context

from loquent.storage.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
