"""Folder and configuration of the persistent Dagster instance; imports no Dagster, which takes 50 MB and 0.5 s."""

import os
from hashlib import sha256
from pathlib import Path

import click
import yaml
from filelock import FileLock

import spotify_assets
from spotify_assets.storage import plain_path

DEFAULT_HOME = "data/dagster"
EVENT_LOG = {"module": "spotify_assets.defs.event_log", "class": "PersistentSqliteEventLogStorage"}

# SHA-256 of every dagster.yaml that was ever shipped, the latest last. A file that equals one of them was not edited.
SHIPPED = (
    "3f1d3d5ee92c7554cdaa9be2534effaca962f9be284813328a49ca360f0594c1",
    "f009e5760bedbf094abbe5df3d3b94bc579b39c75ad26513069aa4589ec53934",
    "bb4bb4dcd2499a388de5be4ee0f4e4eb91bdca15193e7ac34103f66793460d06",
    "15c0fc4433e96e091de1aa038cc180bedfa65b7213c7ad99563dc67d0fe426d1",
    "071c9534a14cd7a1511cc238754875e9ef9293206f16fa4062a2e396a2b444aa",
    "58aa1dedd414c0d6131ed64e2cde932d346bb3d6912f1f5bf56c1ce8c673d55c",
)
# How earlier versions named the event log and its folder.
FORMER_MODULE = "spotify_assets.dagster_storage"
FORMER_VARIABLE = "SPOTIFY_ASSETS_EVENT_LOG"
FORMER_FOLDER = f"  config:\n    base_dir:\n      env: {FORMER_VARIABLE}\n"


def dagster_home() -> Path:
    """Create and configure the instance's folder if needed, set DAGSTER_HOME to it, and return it."""
    home = Path(os.environ.get("DAGSTER_HOME") or DEFAULT_HOME).expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "opening.lock"):
        _configure(home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = plain_path(str(home))
    return home


def shipped(name: str) -> Path:
    """Path of dagster.yaml or workspace.yaml: in the package if installed from a wheel, else next to it."""
    package = Path(spotify_assets.__file__).parent
    inside = package / name
    return inside if inside.exists() else package.parent / name


def _configure(config: Path) -> None:
    """Write dagster.yaml if it is missing or an unedited older version; migrate the event log in an edited one."""
    current = config.read_text() if config.exists() else None
    if current is None or sha256(current.encode()).hexdigest() in SHIPPED[:-1]:
        _replace_file(config, shipped("dagster.yaml").read_text())
    elif (migrated := _migrate_event_log(current)) != current:
        _replace_file(config, migrated)
        click.echo(f"{config}: the event log's class has moved; that part is updated, your changes are kept", err=True)


def _migrate_event_log(text: str) -> str:
    """Replace the event log's former class and folder in the text of a dagster.yaml."""
    if FORMER_MODULE not in text and FORMER_VARIABLE not in text:
        return text
    migrated = text.replace(FORMER_MODULE, EVENT_LOG["module"]).replace(FORMER_FOLDER, "")
    content = yaml.safe_load(migrated)
    if content.get("event_log_storage") == EVENT_LOG:
        return migrated
    # The file has another layout than ours, so it is written as new YAML without its comments.
    return yaml.safe_dump({**content, "event_log_storage": EVENT_LOG}, sort_keys=False)


def _replace_file(path: Path, text: str) -> None:
    """Replace a file atomically."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)
