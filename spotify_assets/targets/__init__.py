"""Stores to which tables are published: DuckDB, MySQL, Glue and Athena, Snowflake, flat files."""
