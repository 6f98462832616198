"""Which versions of its inputs a step records, looked up once a run.

With each materialization, Dagster records the latest one of each input, and with each result of a check that of its
asset. It reads them from the event log for each step anew: of a small sync, a tenth of Python's time.
"""

from collections.abc import Iterable, Sequence
from threading import Lock

import dagster as dg

# Dagster has no public API for it; test_input_versions.py fails if one of these changes.
from dagster._core.execution.context.data_version_cache import DataVersionCache, InputAssetVersionInfo
from dagster._core.execution.context.system import StepExecutionContext

# An asset, and whether the step that reads it has partitions, so that Dagster records the versions of those alone.
VersionLookup = tuple[dg.AssetKey, bool]


class RunVersions:
    """Latest materializations of assets, as found by the steps of a run.

    A step looks up its inputs when those of them that the run materializes are done, so that what it finds is final.
    """

    def __init__(self) -> None:
        self._found: dict[VersionLookup, InputAssetVersionInfo | None] = {}
        self._lock = Lock()

    def share(self, context: StepExecutionContext) -> StepExecutionContext:
        """Let a step use what others found; returns it."""
        context._data_version_cache = _SharedVersions(context, self)
        return context

    def known(self, lookups: Iterable[VersionLookup]) -> dict[dg.AssetKey, InputAssetVersionInfo | None]:
        """Those of the lookups that were made."""
        with self._lock:
            return {lookup[0]: self._found[lookup] for lookup in lookups if lookup in self._found}

    def note(self, lookup: VersionLookup, found: InputAssetVersionInfo | None) -> None:
        """Note a lookup."""
        with self._lock:
            self._found[lookup] = found


class _SharedVersions(DataVersionCache):
    """What Dagster keeps for a step; of its inputs, shared with the other steps of the run."""

    def __init__(self, context: StepExecutionContext, shared: RunVersions) -> None:
        super().__init__(context)
        self._shared = shared

    def _fetch_input_asset_version_info(self, asset_keys: Sequence[dg.AssetKey]) -> None:
        layer, node = self._context.job_def.asset_layer, self._context.node_handle
        is_partitioned = self._context.entity_partitions_def is not None
        # An asset that the step materializes itself, of which it has a check, is none of these.
        inputs = [key for key in asset_keys if layer.get_node_input_name(node, key) is not None]
        known = self._shared.known((key, is_partitioned) for key in inputs)
        self.input_asset_version_info |= known
        missing = [key for key in asset_keys if key not in known]
        if missing:
            super()._fetch_input_asset_version_info(missing)
        for key in set(missing).intersection(inputs):
            self._shared.note((key, is_partitioned), self.input_asset_version_info[key])
