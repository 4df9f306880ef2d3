"""Further fields of a job."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_job_options"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("options", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "options")
