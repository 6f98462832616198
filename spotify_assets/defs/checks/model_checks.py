"""Checks derived from the model; all of a table, except foreign keys, in one pass over the run's window."""

from collections.abc import Iterator, Sequence

import dagster as dg

from spotify_assets.defs.checks.queries import Queries, run_queries
from spotify_assets.defs.io_managers import DeltaLakeIOManager
from spotify_assets.model import TABLES
from spotify_assets.refresh import lineage

PRIMARY_KEY = "primary_key"
NOT_NULL = "not_null"
FOREIGN_KEYS = "foreign_keys"
CONSTRAINTS = "constraints"
ACCEPTED_VALUES = "accepted_values"


def check_specs(table: str) -> list[dg.AssetCheckSpec]:
    """Specs of a table's checks. Checks of primary keys and nulls block downstream assets."""
    model = TABLES[table]
    key = ", ".join(model.primary_key)
    accepted = [f"{name} is one of {', '.join(values)}" for name, values in model.accepted_values.items()]
    wanted = [
        (PRIMARY_KEY, f"No two rows share {key}.", bool(key), True),
        (NOT_NULL, "Required columns have no nulls.", True, True),
        (
            FOREIGN_KEYS,
            "Every foreign key exists in the table that it references.",
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


def count_violations(table: str, queries: Queries) -> dict[str, dict[str, int]]:
    """Count rows that violate each rule, by check and rule, in one pass; without foreign keys."""
    model, rows = TABLES[table], queries.rows(table)
    column = {name: f"{queries.quote}{name}{queries.quote}" for name in model.columns}
    keys = ", ".join(column[name] for name in model.primary_key)
    measures = {("rows", "rows"): "count(*)"}
    for name in model.required_columns:
        measures[NOT_NULL, name] = f"count(*) FILTER (WHERE {column[name]} IS NULL)"
    for name, condition in model.check_constraints.items():
        measures[CONSTRAINTS, name] = f"count(*) FILTER (WHERE NOT ({condition}))"
    for name, values in model.accepted_values.items():
        accepted = ", ".join(f"'{value}'" for value in values)
        measures[ACCEPTED_VALUES, name] = f"count(*) FILTER (WHERE {column[name]} NOT IN ({accepted}))"
    if keys:
        measures[PRIMARY_KEY, "distinct"] = f"count(DISTINCT {queries.hash64}({keys}))"
    [counted] = queries.ask(f"SELECT {', '.join(measures.values())} FROM {rows}")
    found: dict[str, dict[str, int]] = {}
    for (check, rule), count in zip(measures, counted, strict=True):
        found.setdefault(check, {})[rule] = count
    if keys:
        total, distinct = found.pop("rows")["rows"], found[PRIMARY_KEY].pop("distinct")
        if total != distinct:  # maybe a hash collision: count the keys themselves
            [(distinct,)] = queries.ask(f"SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {rows})")
        found[PRIMARY_KEY][", ".join(model.primary_key)] = total - distinct
    return found


def unresolved_keys(table: str, queries: Queries) -> dict[str, int]:
    """Count distinct foreign keys that do not exist in the referenced table, by column, in one query."""
    counts = [
        f"SELECT '{column}', count(*) FROM (SELECT {column} FROM {queries.rows(table)} "
        f"EXCEPT SELECT {key} FROM {queries.rows(target)})"
        for column, (target, key) in TABLES[table].foreign_keys.items()
    ]
    return dict(map(tuple, queries.ask(" UNION ALL ".join(counts))))


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


def build_checks() -> list[dg.AssetChecksDefinition]:
    """All checks of all tables: one step a table, and one for all metrics that no table is computed from.

    A step of its own takes 0.1 s for each of these, and nothing waits for them.
    """
    leaves = tuple(name for name in TABLES if _is_leaf(name))
    alone = [_checks(f"{name}_follows_the_model", (name,)) for name in TABLES if name not in leaves]
    return [*alone, _checks("metrics_follow_the_model", leaves)]


def _is_leaf(table: str) -> bool:
    model = TABLES[table]
    is_whole = model.layer == "metrics" and not model.is_partitioned
    return is_whole and not any(table in lineage.upstreams(other) for other in lineage.computed_tables())


def _checks(name: str, tables: Sequence[str]) -> dg.AssetChecksDefinition:
    """The checks of these tables as one step."""
    specs = [spec for table in tables for spec in check_specs(table)]

    @dg.multi_asset_check(name=name, specs=specs, can_subset=True)
    def follow_the_model(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[DeltaLakeIOManager]
    ) -> Iterator[dg.AssetCheckResult]:
        errors = []
        for table in tables:
            names = {key.name for key in context.selected_asset_check_keys if key.asset_key.path[-1] == table}
            try:
                yield from _check_results(table, names, context, lake)
            except Exception as error:  # the other tables are checked before it is raised
                errors.append(error)
        if errors:
            raise errors[0]

    return follow_the_model


def _check_results(
    table: str, names: set[str], context: dg.AssetCheckExecutionContext, lake: DeltaLakeIOManager
) -> Iterator[dg.AssetCheckResult]:
    """Results of these checks of a table."""
    if not names:
        return
    queries = run_queries((table, *TABLES[table].references), context, lake)
    if FOREIGN_KEYS in names:
        yield _check_result(table, FOREIGN_KEYS, unresolved_keys(table, queries), "keys not found")
    if names - {FOREIGN_KEYS}:
        found = count_violations(table, queries)
        for name in sorted(names - {FOREIGN_KEYS}):
            yield _check_result(table, name, found.get(name, {}), "rows")
