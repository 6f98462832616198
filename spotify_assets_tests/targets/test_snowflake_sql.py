"""SQL in Snowflake's dialect, without a server."""

import re

import pytest

from spotify_assets.model import TABLES
from spotify_assets.settings import load_settings
from spotify_assets.targets import ddl, publishing, snowflake_sql
from spotify_assets.targets.publishing import PublishedState, Span

SERVED = publishing.tables_for_analysis()


@pytest.fixture(scope="module")
def model():
    return ddl.build_metadata(SERVED, snowflake_sql.DIALECT, retype=snowflake_sql.snowflake_type, checks=False)


def test_the_definition_of_a_table(model):
    assert snowflake_sql.create_transient_table(model.tables["fct_playlist_tracks"]).splitlines()[:3] == [
        "CREATE OR REPLACE TRANSIENT TABLE fct_playlist_tracks (",
        "\tsnapshot_date DATE NOT NULL COMMENT 'Day of the snapshot (UTC). Part of the primary key', ",
        "\tdate_key INTEGER NOT NULL COMMENT 'Day of the snapshot. References dim_date.date_key', ",
    ]
    made = snowflake_sql.create_transient_table(model.tables["fct_playlist_tracks"])
    assert "\tadded_at TIMESTAMP_NTZ COMMENT 'When it was added (UTC); null where the API omits it'" in made
    assert "PRIMARY KEY (snapshot_date, playlist_key, position)" in made
    assert "VARCHAR(" not in made
    assert dict(snowflake_sql.foreign_key_statements(model.tables["fct_playlist_tracks"]))["dim_track"] == (
        "ALTER TABLE fct_playlist_tracks ADD FOREIGN KEY (track_key) REFERENCES dim_track (track_key)"
    )


def test_words_that_snowflake_reserves_are_quoted_as_it_stores_names(model):
    table = model.tables["listening_streaks"]
    statements = [
        snowflake_sql.create_transient_table(table),
        snowflake_sql.create_staging_table(table, "_staged"),
        snowflake_sql.insert_statement(table, "_staged", None),
    ]
    for sql in statements:
        assert '"START"' in sql
        assert not re.search(r"\bstart (DATE|,)", sql)
    assert not snowflake_sql.RESERVED_WORDS & {*SERVED}
    # Spans and layout name these columns without quotes.
    assert not snowflake_sql.RESERVED_WORDS & {"month", *(table.window_column for table in TABLES.values())}


def test_a_bucket_is_reached_by_the_integration():
    assert snowflake_sql.create_stage("s3://music/lake", "spotify_lake") == (
        "CREATE OR REPLACE STAGE spotify_assets_lake URL = 's3://music/lake/' STORAGE_INTEGRATION = spotify_lake"
    )


def test_files_are_named_a_thousand_at_once_and_quoted():
    copies = list(
        snowflake_sql.copy_statements([f"facts/it's {number}.parquet" for number in range(1001)], "_staged_x")
    )
    assert [copy.count(".parquet'") for copy in copies] == [1000, 1]
    assert copies[1].startswith("COPY INTO _staged_x FROM @spotify_assets_lake ")
    assert copies[1].endswith(" FORCE = TRUE FILES = ('facts/it''s 1000.parquet')")


@pytest.mark.parametrize(
    ("text", "sql"), [("plain", "'plain'"), ("it's", "'it''s'"), ("back\\slash", "'back\\\\slash'"), ("", "''")]
)
def test_literals(text, sql):
    assert snowflake_sql.string_literal(text) == sql


def test_the_schema_that_is_meant():
    settings = load_settings(lake_uri="s3://music/lake", snowflake_database="music", snowflake_schema="served")
    assert snowflake_sql.schema_condition(settings, "catalog_name", "schema_name") == (
        "catalog_name = 'MUSIC' AND schema_name = 'SERVED'"
    )


def test_a_folder_of_this_machine_needs_no_integration():
    assert snowflake_sql.create_stage("/data/my lake", "") == (
        "CREATE OR REPLACE STAGE spotify_assets_lake URL = 'file:///data/my%20lake/'"
    )


def test_rows_are_staged_without_the_column_of_their_layout(model):
    staged = snowflake_sql.create_staging_table(model.tables["fct_plays"], "_staged")
    assert staged.startswith("CREATE OR REPLACE TEMPORARY TABLE _staged (play_id TEXT, ")
    assert " month " not in staged
    assert "played_at TIMESTAMP_NTZ" in staged
    of_dimension = snowflake_sql.create_staging_table(model.tables["dim_listener"], "_staged")
    assert of_dimension.count(",") == len(TABLES["dim_listener"].columns) - 1


def test_rows_are_inserted_in_order_of_time_with_their_month(model):
    sql = snowflake_sql.insert_statement(
        model.tables["fct_plays"], "_staged", [Span("2024-01-01", "2024-02-01")], "_new"
    )
    assert sql.startswith("INSERT INTO _new (play_id, ")
    assert "DATE_TRUNC('MONTH', played_at)::DATE" in sql
    assert sql.endswith(
        " FROM _staged WHERE (played_at >= TIMESTAMP '2024-01-01 00:00:00' AND "
        "played_at < TIMESTAMP '2024-02-01 00:00:00') ORDER BY played_at"
    )


def test_a_table_without_partitions_is_inserted_whole(model):
    columns = ", ".join(TABLES["dim_listener"].columns)
    assert snowflake_sql.insert_statement(model.tables["dim_listener"], "_staged", None) == (
        f"INSERT INTO dim_listener ({columns}) SELECT {columns} FROM _staged"
    )


def test_rows_of_spans_are_deleted_and_all_where_there_is_none(model):
    plays = model.tables["fct_plays"]
    assert snowflake_sql.delete_statement(plays, None) == "DELETE FROM fct_plays"
    assert snowflake_sql.delete_statement(plays, [Span(None, "2024-02-01")]) == (
        "DELETE FROM fct_plays WHERE (played_at < TIMESTAMP '2024-02-01 00:00:00')"
    )


def test_states_are_inserted_in_batches_of_2000_windows():
    held = PublishedState("shape", {f"window {number}": "v" for number in range(2001)})
    deleted, *inserted = snowflake_sql.state_statements("held", "plays", held)
    assert deleted == "DELETE FROM held WHERE table_name = 'plays'"
    assert [sql.count("('plays', 'window") for sql in inserted] == [2000, 1]
    assert inserted[1] == (
        "INSERT INTO held (table_name, window_name, version, shape) VALUES ('plays', 'window 2000', 'v', 'shape')"
    )


def test_a_view_keeps_who_may_read_it():
    assert snowflake_sql.create_view("total_plays").startswith(
        "CREATE OR REPLACE VIEW total_plays COPY GRANTS COMMENT = '"
    )
