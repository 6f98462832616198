"""What Dagster loads: assets, checks, I/O managers, resources, jobs, schedules and sensors."""
