"""Definitions as plain values, for snapshots that people read: no code versions, no addresses, no settings."""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

COLUMN_SCHEMA, CODE, LINEAGE = "dagster/column_schema", "dagster/code_references", "dagster/column_lineage"


def describe(defs: dg.Definitions) -> dict[str, Any]:
    """Everything that Dagster shows of these definitions, but for columns."""
    return {
        "assets": _assets(defs),
        "checks": _checks(defs),
        "jobs": {job.name: _job(defs, job) for job in defs.jobs or []},
        "schedules": {schedule.name: _schedule(schedule) for schedule in defs.schedules or []},
        "sensors": {sensor.name: _sensor(sensor) for sensor in defs.sensors or []},
        "resources": _list(defs.resources or {}),
        "executor": defs.executor.name if isinstance(defs.executor, dg.ExecutorDefinition) else None,
    }


def columns(defs: dg.Definitions) -> dict[str, Any]:
    """The column schema of every asset that has one, a line a column."""
    schemas = {spec.key.to_user_string(): spec.metadata.get(COLUMN_SCHEMA) for spec in defs.resolve_all_asset_specs()}
    return {key: _schema(schema) for key, schema in sorted(schemas.items()) if isinstance(schema, dg.TableSchema)}


def _assets(defs: dg.Definitions) -> dict[str, Any]:
    graph = defs.resolve_asset_graph()
    steps = {
        key: step for step in defs.assets or [] if isinstance(step, dg.AssetsDefinition) for key in step.keys
    }  # fmt: skip
    specs = sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key)
    descriptions = {spec.key.to_user_string(): spec.description for spec in specs}
    described: dict[str, Any] = {}
    for spec in specs:
        step, backfill = steps[spec.key], graph.get(spec.key).backfill_policy
        is_copy = len(spec.key.path) > 1 and spec.description == descriptions.get(spec.key.path[-1])
        described[spec.key.to_user_string()] = _without_nothing(
            step=_step(step),
            config=_config(step),
            resources=_list(step.required_resource_keys),
            group=spec.group_name,
            kinds=_list(spec.kinds),
            owners=_list(spec.owners),
            tags=_pairs({name: value for name, value in spec.tags.items() if not name.startswith("dagster/kind/")}),
            deps=_list(map(_dep, spec.deps)),
            partitions=spec.partitions_def,
            backfill=backfill.policy_type.value if backfill else None,
            freshness=spec.freshness_policy,
            automation=spec.automation_condition,
            skippable=spec.skippable,
            metadata=_pairs(_metadata(spec.metadata)),
            copies=_copies(spec.metadata.get(LINEAGE)),
            code=_code(spec.metadata.get(CODE)),
            description="as of the table" if is_copy else spec.description,
        )
    return described


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What is neither in other lines nor in another file, addresses without their type."""
    apart = (COLUMN_SCHEMA, CODE, LINEAGE)
    return {name: getattr(value, "url", value) for name, value in metadata.items() if name not in apart}


def _copies(lineage: dg.TableColumnLineage | None) -> str | None:
    """Columns that are copied: the name, and what it is of where it has another name there."""
    if not lineage:
        return None
    pairs = [(name, one.asset_key.to_user_string(), one.column_name) for name, [one] in lineage.deps_by_column.items()]
    return ", ".join(name if name == column else f"{name} of {table}.{column}" for name, table, column in pairs)


def _code(references: Any) -> str | None:
    """Files of the code, from the package on; lines change with every edit."""
    if not references:
        return None
    places = [
        f"{one.label}: spotify_assets{one.file_path.rpartition('spotify_assets')[2]}"
        for one in references.code_references
    ]
    return ", ".join(places)


def _dep(dep: dg.AssetDep) -> str:
    mapping = f" by {dep.partition_mapping}" if dep.partition_mapping else ""
    return dep.asset_key.to_user_string() + mapping


def _step(step: dg.AssetsDefinition | dg.AssetChecksDefinition) -> str:
    return step.op.name + (", in parts" if step.can_subset else "")


def _config(step: dg.AssetsDefinition) -> str:
    schema = step.op.config_schema.as_field() if step.op.config_schema else None
    return _list(getattr(schema.config_type, "fields", {}) if schema else {})


def _checks(defs: dg.Definitions) -> dict[str, Any]:
    steps = {
        spec.key: (step, spec)
        for step in defs.asset_checks or []
        if isinstance(step, dg.AssetChecksDefinition)
        for spec in step.check_specs
    }
    return {
        f"{key.asset_key.to_user_string()}: {key.name}": _without_nothing(
            step=_step(step),
            blocking=spec.blocking,
            deps=_list(map(_dep, spec.additional_deps)),
            description=spec.description,
        )
        for key, (step, spec) in sorted(steps.items(), key=lambda item: (item[0].asset_key, item[0].name))
    }


def _job(defs: dg.Definitions, job: Any) -> dict[str, Any]:
    if isinstance(job, dg.JobDefinition):
        steps = _list(node.name for node in job.nodes)
        return _without_nothing(steps=steps, tags=_pairs(job.tags), description=job.description)
    graph = defs.resolve_asset_graph()
    return _without_nothing(
        assets=_list(key.to_user_string() for key in job.selection.resolve(graph)),
        checks=len(job.selection.resolve_checks(graph)),
        partitions=defs.resolve_job_def(job.name).partitions_def,
        tags=_pairs(job.tags or {}),
        description=job.description,
    )


def _schedule(schedule: Any) -> dict[str, Any]:
    return _without_nothing(
        job=schedule.job_name,
        cron=schedule.cron_schedule,
        timezone=schedule.execution_timezone,
        status=schedule.default_status.value,
        tags=_pairs(schedule.tags),
        description=schedule.description,
    )


def _sensor(sensor: Any) -> dict[str, Any]:
    return _without_nothing(
        jobs=_list(target.job_name for target in sensor.targets),
        interval=f"{sensor.minimum_interval_seconds} s",
        status=sensor.default_status.value,
        resources=_list(sensor.required_resource_keys),
        description=sensor.description,
    )


def _schema(schema: dg.TableSchema) -> list[str]:
    lines = []
    for column in schema.columns:
        notes = [
            *(["primary key"] if "primary_key" in column.tags else []),
            *([] if column.constraints.nullable else ["not null"]),
            *(["unique"] if column.constraints.unique else []),
            *column.constraints.other,
        ]
        lines.append(f"{column.name} {column.type} ({'; '.join(notes)}): {column.description}".replace(" ():", ":"))
    return lines + [f"constraint {text}" for text in (schema.constraints.other if schema.constraints else [])]


def _list(values: Iterable[str]) -> str:
    return ", ".join(sorted(values))


def _pairs(values: Mapping[str, Any]) -> str:
    return _list(f"{name}={value}" for name, value in values.items())


def _without_nothing(**values: Any) -> dict[str, Any]:
    return {name: value if isinstance(value, bool | int) else str(value) for name, value in values.items() if value}
