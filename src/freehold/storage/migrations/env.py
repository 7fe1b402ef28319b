"""Run by Alembic, on the connection that ``freehold.storage.migrate`` hands over."""

from alembic import context

import freehold.storage.alert_tables
import freehold.storage.case_tables
import freehold.storage.deployment_tables
import freehold.storage.hold_tables
import freehold.storage.label_tables
import freehold.storage.outcome_tables
import freehold.storage.trial_tables  # noqa: F401 - their tables belong to the metadata
from freehold.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
