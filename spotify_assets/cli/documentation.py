"""Those parts of the documentation that are made from the code: settings, and the data model.

`make docs` writes them; a test says when they are behind.
"""

from datetime import datetime
from pathlib import Path

from spotify_assets.model import LAYERS, TABLES
from spotify_assets.refresh import lineage
from spotify_assets.settings import Settings, variable

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- made by `make docs`: {} -->", "<!-- end -->"


def settings_table() -> str:
    """Every setting, its default and what it does."""
    lines = ["| Variable | Default | What it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, datetime):
            default = f"{default:%Y-%m-%d}"
        shown = f"`{default}`" if str(default) not in ("", "{}", "()", "None") else ""
        lines.append(f"| `{variable(name)}` | {shown} | {field.description} |")
    return "\n".join(lines)


def tables_overview() -> str:
    """Every table by layer, and its grain."""
    lines = []
    for layer in LAYERS:
        lines += [f"\n**{layer}**\n"]
        for table in TABLES.values():
            if table.layer == layer:
                grain = table.comment.split(":")[0].split(". ")[0].rstrip(".")
                lines.append(f"- [`{table.name}`](docs/data_model.md#{table.name}): {grain[0].lower()}{grain[1:]}")
    return "\n".join(lines).strip()


def data_model() -> str:
    """The data dictionary: every table with its columns."""
    parts = ["# Data model\n\nMade from `spotify_assets/model` by `make docs`. Times are UTC unless named local."]
    for layer in LAYERS:
        parts.append(f"## {layer}")
        parts += [_table(name) for name, table in TABLES.items() if table.layer == layer]
    return "\n\n".join(parts) + "\n"


def _table(name: str) -> str:
    table = TABLES[name]
    lines = [f"### {name}\n", f"{table.comment}\n"]
    if name in lineage.computed_tables() and lineage.upstreams(name):
        lines.append(f"Made from {', '.join(f'`{upstream}`' for upstream in lineage.upstreams(name))}.\n")
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


def rewritten(text: str) -> str:
    """The README with its made parts made anew."""
    for name, made in (("settings", settings_table()), ("tables", tables_overview())):
        begin = BEGIN.format(name)
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(END)
        text = f"{head}{begin}\n{made}\n{END}{tail}"
    return text


def main() -> None:
    """Write the made parts of the documentation."""
    readme = ROOT / "README.md"
    readme.write_text(rewritten(readme.read_text()))
    (ROOT / "docs" / "data_model.md").write_text(data_model())


if __name__ == "__main__":
    main()
