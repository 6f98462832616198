"""Dates as numbers."""

from pyspark.sql import Column
from pyspark.sql import functions as F


def date_key(date: Column) -> Column:
    """The day as the number YYYYMMDD."""
    return (F.year(date) * 10_000 + F.month(date) * 100 + F.dayofmonth(date)).cast("int")


def iso_day_of_week(date: Column) -> Column:
    """ISO 8601 day of the week: 1 is Monday. From `dayofweek`, as `weekday` says -1 for Sundays on Sail."""
    return ((F.dayofweek(date) + 5) % 7 + 1).cast("int")
