"""Generate pages from the code: settings, `.env.example`, and the data model.

`make docs` writes them; a test fails if one is out of date.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from spotify_assets.model import LAYERS, TABLES, LakeTable
from spotify_assets.refresh import lineage
from spotify_assets.settings import Settings, variable

ROOT = Path(__file__).parents[2]

# The first setting of each section; the settings after it belong to the same section.
SECTIONS = {
    "landing_uri": "Where data is kept",
    "mysql_url": "Targets",
    "landing_queue_url": "Listening history",
    "spark_remote": "Engine",
    "snapshots_start": "Playlists and Spotify's Web API",
    "retention_days": "Maintenance and limits",
}
# Common settings that are in `.env.example`, in addition to credentials.
COMMON = frozenset(
    """
    landing_uri lake_uri
    glue_database athena_workgroup
    snowflake_account snowflake_user snowflake_warehouse snowflake_database snowflake_storage_integration
    snowflake_private_key_file
    export_uri
    min_ms_played timezone timezones spark_remote playlists listener client_id
    """.split()
)


def settings_page() -> str:
    """`docs/settings.md`: every setting, its default and what it does."""
    parts = [
        "# Settings\n\nGenerated from `spotify_assets/settings.py` by `make docs`.\n\n"
        "Settings are environment variables, or lines of a file `.env` in the folder that you start from; where both "
        "set one, the environment variable counts. [`.env.example`](../.env.example) has those that are set most "
        "often. A value that can't be used stops the command with one line that names the variable."
    ]
    for title, fields in _sections():
        lines = [f"## {title}\n", "| Variable | Default | What it does |", "|---|---|---|"]
        for name, field in fields.items():
            default = _default(field)
            lines.append(f"| `{variable(name)}` | {f'`{default}`' if default else ''} | {field.description} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def env_example() -> str:
    """`.env.example`: credentials and common settings, all of them commented out."""
    parts = [
        "# Generated from spotify_assets/settings.py by `make docs`.\n"
        "#\n"
        "# Copy this file to .env and remove the # before the lines that you change. Git ignores .env.\n"
        "# All settings: docs/settings.md. Credentials of AWS are found as its own tools find them: docs/s3.md."
    ]
    for title, fields in _sections():
        lines = [f"# -- {title} --"]
        for name, field in fields.items():
            if name in COMMON or is_secret(field):
                lines += ["", f"# {field.description}", f"#{variable(name)}={_default(field)}"]
        if len(lines) > 1:
            parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def data_model() -> str:
    """`docs/data_model.md`: every table by layer with its grain, and then every column of each."""
    parts = ["# Data model\n\nGenerated from `spotify_assets/model` by `make docs`. Times are UTC unless named local."]
    for layer in LAYERS:
        names = [f"- [`{table.name}`](#{table.name}): {_grain(table)}" for table in _tables(layer)]
        parts += [f"**{layer}**", "\n".join(names)]
    for layer in LAYERS:
        parts += [f"## {layer}", *map(_columns, _tables(layer))]
    return "\n\n".join(parts) + "\n"


GENERATED = {"docs/settings.md": settings_page, ".env.example": env_example, "docs/data_model.md": data_model}


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting holds a credential."""
    return "SecretStr" in str(field.annotation)


def _sections() -> list[tuple[str, dict[str, FieldInfo]]]:
    sections: list[tuple[str, dict[str, FieldInfo]]] = []
    for name, field in Settings.model_fields.items():
        if name in SECTIONS:
            sections.append((SECTIONS[name], {}))
        sections[-1][1][name] = field
    return sections


def _default(field: FieldInfo) -> str:
    """The default as written in `.env`; empty if there is none."""
    default: Any = field.get_default(call_default_factory=True)
    if isinstance(default, datetime):
        return f"{default:%Y-%m-%d}"
    return "" if str(default) in ("", "{}", "()", "None") else str(default)


def _tables(layer: str) -> list[LakeTable]:
    return [table for table in TABLES.values() if table.layer == layer]


def _grain(table: LakeTable) -> str:
    """The first sentence of the table's comment, up to a colon."""
    grain = table.comment.split(":")[0].split(". ")[0].rstrip(".")
    return grain[0].lower() + grain[1:]


def _columns(table: LakeTable) -> str:
    lines = [f"### {table.name}\n", f"{table.comment}\n"]
    if table.name in lineage.computed_tables() and lineage.upstreams(table.name):
        lines.append(f"Made from {', '.join(f'`{upstream}`' for upstream in lineage.upstreams(table.name))}.\n")
    if table.is_partitioned:
        lines.append(f"Partitioned by `{table.window}`.\n")
    lines += ["| Column | Type | | What it is |", "|---|---|---|---|"]
    for column in table.sql.columns:
        marks = ["key"] if column.primary_key else [] if not column.nullable else ["null"]
        marks += [f"→ `{link.target_fullname}`" for link in column.foreign_keys]
        comment = str(column.comment).replace("|", "\\|")
        if "accepted" in column.info:
            comment += ": " + ", ".join(f"`{value}`" for value in column.info["accepted"])
        lines.append(f"| `{column.name}` | {table.spark_types[column.name]} | {', '.join(marks)} | {comment} |")
    return "\n".join(lines)


def main() -> None:
    """Write every generated page."""
    for path, page in GENERATED.items():
        (ROOT / path).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
