"""`rejected_plays`: what is not kept of the landed records, and why."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spotify_assets.model import TABLES
from spotify_assets.settings import Settings
from spotify_assets.transforms.judge import judged
from spotify_assets.windows import TimeWindow


def rejected_plays(
    raw_plays: DataFrame, raw_files: DataFrame, *, settings: Settings, window: TimeWindow | None = None
) -> DataFrame:
    """One row per landed record that is not kept, with the first rule that it breaks and its raw fields.

    Args:
        raw_plays: Records as landed.
        raw_files: The register of landed files.
        settings: The rules' bounds.
        window: Only records of this span of time; all where it is None.
    """
    rejected = judged(raw_plays, raw_files, settings, window).where("reason IS NOT NULL")
    return rejected.withColumn("month", F.trunc("window_at", "month")).select(*TABLES["rejected_plays"].columns)
