"""When scheduled triggers fire: the cron grammar, the time-zone rule, misfire policies and descriptions.

Pure: no database, and no clock but in ``flowforge_graph.schedules.public``.
"""

from __future__ import annotations

from flowforge_graph.schedules.cron import ALIASES, CronExpression
from flowforge_graph.schedules.descriptions import describe
from flowforge_graph.schedules.differences import ClockChange, FireTimeDifference, compare_rules
from flowforge_graph.schedules.misfire import (
    MISFIRE_POLICIES,
    DroppedFires,
    DropReason,
    FirePlan,
    MisfirePolicy,
    plan_fires,
)
from flowforge_graph.schedules.occurrences import aware, fire_times, first_fire_time_after
from flowforge_graph.schedules.preview import SchedulePreview, preview_schedule
from flowforge_graph.schedules.public import (
    calculate_next_run,
    calculate_next_runs,
    format_cron_description,
    get_next_run_timestamp,
    validate_cron_expression,
)
from flowforge_graph.schedules.zones import zone, zone_names, zone_names_of_country

__all__ = [
    "ALIASES",
    "MISFIRE_POLICIES",
    "ClockChange",
    "CronExpression",
    "DropReason",
    "DroppedFires",
    "FirePlan",
    "FireTimeDifference",
    "MisfirePolicy",
    "SchedulePreview",
    "aware",
    "calculate_next_run",
    "calculate_next_runs",
    "compare_rules",
    "describe",
    "fire_times",
    "first_fire_time_after",
    "format_cron_description",
    "get_next_run_timestamp",
    "plan_fires",
    "preview_schedule",
    "validate_cron_expression",
    "zone",
    "zone_names",
    "zone_names_of_country",
]
