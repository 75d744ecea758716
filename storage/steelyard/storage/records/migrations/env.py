"""Alembic's entry: runs the steps on the connection that `migration.upgrade` hands over."""

from alembic import context

from steelyard.storage.records.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
