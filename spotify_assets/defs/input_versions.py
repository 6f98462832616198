"""Which versions of its inputs a step records, looked up once a run.

With each materialization, Dagster records the latest one of each input, and with each result of a check that of its
asset. It reads them from the event log for each step anew: of a small sync, a tenth of Python's time.
"""

from collections.abc import Collection, Sequence
from threading import Lock

import dagster as dg

# Dagster has no public API for it; test_input_versions.py fails if one of these changes.
from dagster._core.execution.context.data_version_cache import DataVersionCache, InputAssetVersionInfo
from dagster._core.execution.context.system import StepExecutionContext

# An asset, and whether it is read by a step with partitions, and as an input: of its partitions, Dagster records what
# the step reads.
VersionLookup = tuple[dg.AssetKey, bool, bool]


class RunVersions:
    """Latest materializations of assets, as found by the steps of a run."""

    def __init__(self) -> None:
        self._found: dict[VersionLookup, InputAssetVersionInfo | None] = {}
        self._lock = Lock()

    def share(self, context: StepExecutionContext) -> StepExecutionContext:
        """Let a step use what others found; returns it."""
        context._data_version_cache = _SharedVersions(context, self)
        return context

    def forget(self, assets: Collection[dg.AssetKey]) -> None:
        """Look these up again: a step has materialized them."""
        with self._lock:
            for lookup in [lookup for lookup in self._found if lookup[0] in assets]:
                del self._found[lookup]

    def known(self, lookups: Sequence[VersionLookup]) -> dict[dg.AssetKey, InputAssetVersionInfo | None]:
        """Those of the lookups that were made."""
        with self._lock:
            return {lookup[0]: self._found[lookup] for lookup in lookups if lookup in self._found}

    def note(self, lookup: VersionLookup, found: InputAssetVersionInfo | None) -> None:
        """Note a lookup."""
        with self._lock:
            self._found[lookup] = found


class _SharedVersions(DataVersionCache):
    """What Dagster keeps for a step, shared with the other steps of the run."""

    def __init__(self, context: StepExecutionContext, shared: RunVersions) -> None:
        super().__init__(context)
        self._shared = shared

    def _fetch_input_asset_version_info(self, asset_keys: Sequence[dg.AssetKey]) -> None:
        lookups = {key: self._lookup(key) for key in asset_keys}
        known = self._shared.known(list(lookups.values()))
        self.input_asset_version_info |= known
        missing = [key for key in asset_keys if key not in known]
        if missing:
            super()._fetch_input_asset_version_info(missing)
        for key in missing:
            self._shared.note(lookups[key], self.input_asset_version_info[key])

    def _lookup(self, key: dg.AssetKey) -> VersionLookup:
        layer, node = self._context.job_def.asset_layer, self._context.node_handle
        is_input = layer.get_node_input_name(node, key) is not None
        return key, self._context.entity_partitions_def is not None, is_input

    def wipe_input_asset_version_info(self, key: dg.AssetKey) -> None:
        super().wipe_input_asset_version_info(key)
        self._shared.forget([key])
