"""The event log as a dagster.yaml from before `defs/` names it.

`spotify-assets` updates such a file whenever it runs; this is for Dagster's own commands until then.
"""

from typing import Any

import dagster as dg

from spotify_assets.defs import event_log


class PersistentSqliteEventLogStorage(event_log.PersistentSqliteEventLogStorage):
    """The same class; the variable that named its folder need not be set."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"base_dir": dg.Field(dg.Any, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "PersistentSqliteEventLogStorage":
        base_dir = config_value.get("base_dir")
        return cls(base_dir if isinstance(base_dir, str) else None, inst_data)
