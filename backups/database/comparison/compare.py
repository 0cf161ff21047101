"""A backup beside the database: its rows in the order of the tables, so that what a row refers to comes before it."""

from __future__ import annotations

from backups.database.comparison.compare_table import TableComparison
from backups.database.comparison.policy import Policy
from backups.database.comparison.steps import DatabasePlan
from backups.database.comparison.translate import TargetKeys


def compare(plan: DatabasePlan, policy: Policy) -> None:
    """Add the steps of a policy to a plan. Writes nothing but these. Raises DatabaseError."""
    for steps in policy.before():
        plan.add(steps)
    keys = TargetKeys(plan.staged, plan.alias, plan.misfits)
    for table in plan.staged.tables:
        comparing = TableComparison(keys, policy, table)
        for some in plan.staged.rows(table, chosen=policy.chosen):
            plan.add(comparing.steps(some))
    for steps in policy.after():
        plan.add(steps)
