"""Dagster declarations: assets, checks, I/O managers, resources, jobs, schedules and sensors."""
