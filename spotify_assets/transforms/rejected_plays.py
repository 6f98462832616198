"""`rejected_plays`: the landed records that break a rule, with the reason."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spotify_assets.model import TABLES
from spotify_assets.settings import Settings
from spotify_assets.transforms.judge import judge_records
from spotify_assets.windows import TimeWindow


def rejected_plays(
    raw_plays: DataFrame,
    raw_files: DataFrame,
    raw_exclusions: DataFrame | None = None,
    *,
    settings: Settings,
    window: TimeWindow | None = None,
) -> DataFrame:
    """One row per rejected record: the first rule that it breaks (`reason`) and its fields as landed.

    Args:
        raw_plays: Records as landed.
        raw_files: Whole register of landed files.
        raw_exclusions: Whole table: what a person excludes; None for nothing.
        settings: Limits of the rules.
        window: Records of this window; all records if None.
    """
    rejected = judge_records(raw_plays, raw_files, raw_exclusions, settings, window).where("reason IS NOT NULL")
    return rejected.withColumn("month", F.trunc("window_at", "month")).select(*TABLES["rejected_plays"].columns)
