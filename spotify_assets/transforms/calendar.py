"""Calendar attributes of a date."""

from pyspark.sql import Column
from pyspark.sql import functions as F


def date_key(date: Column) -> Column:
    """Key of `dim_date`: the integer YYYYMMDD."""
    return (F.year(date) * 10_000 + F.month(date) * 100 + F.dayofmonth(date)).cast("int")


def iso_day_of_week(date: Column) -> Column:
    """ISO 8601 day of the week: 1 is Monday, 7 is Sunday."""
    # From `dayofweek`: Sail's `weekday` returns -1 for Sundays.
    return ((F.dayofweek(date) + 5) % 7 + 1).cast("int")
