"""Where tables are served: DuckDB, MySQL, Glue and Athena, Snowflake, flat files."""
