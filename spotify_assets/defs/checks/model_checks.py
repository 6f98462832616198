"""Checks that follow from the model: each table's in one pass over the run's window."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.defs.checks.window import window_rows
from spotify_assets.defs.io_managers import DeltaLakeIOManager
from spotify_assets.model import TABLES

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

PRIMARY_KEY = "primary_key"
NOT_NULL = "not_null"
FOREIGN_KEYS = "foreign_keys"
CONSTRAINTS = "constraints"
ACCEPTED_VALUES = "accepted_values"


def specs(table: str) -> list[dg.AssetCheckSpec]:
    """The checks that the model asks of a table; those on which all else stands block what comes after."""
    model = TABLES[table]
    key = ", ".join(model.primary_key)
    accepted = [f"{name} is one of {', '.join(values)}" for name, values in model.accepted_values.items()]
    wanted = [
        (PRIMARY_KEY, f"No two rows share {key}.", bool(key), True),
        (NOT_NULL, "Columns that the model says are never null aren't.", True, True),
        (
            FOREIGN_KEYS,
            "Every foreign key is in the table that it points to.",
            bool(model.foreign_keys),
            False,
        ),
        (CONSTRAINTS, "; ".join(model.check_constraints.values()), bool(model.check_constraints), False),
        (ACCEPTED_VALUES, "; ".join(accepted), bool(accepted), False),
    ]
    return [
        dg.AssetCheckSpec(
            name,
            asset=table,
            description=description,
            blocking=blocking,
            additional_deps=model.references if name == FOREIGN_KEYS else None,
        )
        for name, description, is_wanted, blocking in wanted
        if is_wanted
    ]


def violations(table: str, rows: "DataFrame") -> dict[str, dict[str, int]]:
    """Rows that break each rule, by check and rule, found in one pass; foreign keys are not among them."""
    from pyspark.sql import functions as F

    keys = TABLES[table].primary_key
    measures: dict[tuple[str, str], Column] = {("rows", "rows"): F.count(F.lit(1))}
    for name in TABLES[table].required_columns:
        measures[NOT_NULL, name] = F.count_if(F.col(name).isNull())
    for name, condition in TABLES[table].check_constraints.items():
        measures[CONSTRAINTS, name] = F.count_if(~F.expr(condition))
    for name, values in TABLES[table].accepted_values.items():
        measures[ACCEPTED_VALUES, name] = F.count_if(~F.col(name).isin(*values))
    if keys:
        measures[PRIMARY_KEY, "distinct"] = F.countDistinct(F.xxhash64(*keys))
    counted = rows.agg(*[column.alias(f"m{index}") for index, column in enumerate(measures.values())]).collect()[0]
    found: dict[str, dict[str, int]] = {}
    for (check, rule), count in zip(measures, counted, strict=True):
        found.setdefault(check, {})[rule] = count
    if keys:
        total, distinct = found.pop("rows")["rows"], found[PRIMARY_KEY].pop("distinct")
        if total != distinct:  # two keys may share a hash: count the keys themselves
            distinct = rows.select(*keys).distinct().count()
        found[PRIMARY_KEY][", ".join(keys)] = total - distinct
    return found


def unresolved(table: str, rows: "DataFrame", load: Callable[[str], "DataFrame"]) -> dict[str, int]:
    """Distinct keys that the table that they point to doesn't have, by column."""
    from pyspark.sql import functions as F

    return {
        column: rows.select(column)
        .distinct()
        .join(load(target).select(F.col(key).alias(column)), column, "left_anti")
        .count()
        for column, (target, key) in TABLES[table].foreign_keys.items()
    }


def _check_result(table: str, check: str, broken: dict[str, int], unit: str) -> dg.AssetCheckResult:
    total = sum(broken.values())
    named = "; ".join(f"{rule}: {count:,} {unit}" for rule, count in broken.items() if count)
    return dg.AssetCheckResult(
        asset_key=table,
        check_name=check,
        passed=total == 0,
        severity=dg.AssetCheckSeverity.WARN if check == ACCEPTED_VALUES else dg.AssetCheckSeverity.ERROR,
        description=named or None,
        metadata={"violations": total} | {rule: count for rule, count in broken.items() if count},
    )


def checks_of(table: str) -> dg.AssetChecksDefinition:
    """The table's checks as one step."""
    wanted = specs(table)

    @dg.multi_asset_check(name=f"{table}_follows_the_model", specs=wanted, can_subset=True)
    def follow_the_model(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[DeltaLakeIOManager]
    ) -> Iterator[dg.AssetCheckResult]:
        rows = window_rows(table, context, lake)
        names = {key.name for key in context.selected_asset_check_keys}
        if FOREIGN_KEYS in names:
            missing = unresolved(table, rows, lambda target: window_rows(target, context, lake))
            yield _check_result(table, FOREIGN_KEYS, missing, "keys that are not there")
        if names - {FOREIGN_KEYS}:
            found = violations(table, rows)
            for name in sorted(names - {FOREIGN_KEYS}):
                yield _check_result(table, name, found.get(name, {}), "rows")

    return follow_the_model
