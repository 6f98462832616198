from spotify_assets.defs.outcome import Synced
from spotify_assets.refresh.plan import PlannedRun


def test_partitions_that_were_computed():
    runs = [
        PlannedRun(("plays",), ("2024-01-01", "2024-02-01")),
        PlannedRun(("dim_time",)),
        PlannedRun(("plays",), ("2024-04-01",)),
    ]
    assert Synced(runs=runs).partitions == 3
    assert Synced().partitions == 0
