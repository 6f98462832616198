"""DDL from the model, in PostgreSQL's dialect."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from spotify_assets.model import TABLES
from spotify_assets.targets import ddl, publishing, snowflake_sql
from spotify_assets.targets import mysql as mysql_target

DIALECT = postgresql.dialect()
# Characters of a column's comment: https://dev.mysql.com/doc/refman/8.4/en/create-table.html
MYSQL_COMMENT = 1024
STAR = publishing.sort_by_references(["dim_track", "dim_artist", "dim_album", "fct_plays", "bridge_track_artist"])


def links(metadata, table):
    """Foreign keys of a table, as `column -> table.column`."""
    return {f"{link.parent.name} -> {link.target_fullname}" for link in metadata.tables[table].foreign_keys}


def test_columns_are_the_models():
    metadata = ddl.build_metadata(STAR, DIALECT)
    assert set(metadata.tables) == set(STAR)
    for name in STAR:
        made, model = metadata.tables[name], TABLES[name].sql
        assert [(c.name, c.nullable, c.primary_key) for c in made.columns] == [
            (c.name, c.nullable, c.primary_key) for c in model.columns
        ]
        assert (made.comment, made.info) == (TABLES[name].comment, {"model": name})


def test_a_key_points_to_tables_that_are_served_only():
    assert "track_key -> dim_track.track_key" in links(ddl.build_metadata(STAR, DIALECT), "fct_plays")
    alone = ddl.build_metadata(["fct_plays"], DIALECT)
    assert links(alone, "fct_plays") == set()


def test_a_part_of_a_primary_key_can_not_be_referred_to():
    served = ddl.build_metadata(publishing.tables_of_layers("dimensions", "facts"), DIALECT)
    whole = {name for name in served.tables if len(TABLES[name].primary_key) == 1}
    for name in served.tables:
        assert {link.partition(" -> ")[2].partition(".")[0] for link in links(served, name)} <= whole


def test_comments_name_keys_that_are_not_declared():
    metadata = ddl.build_metadata(STAR, DIALECT, has_keys=lambda table: table != "fct_plays")
    assert links(metadata, "fct_plays") == set()
    assert not metadata.tables["fct_plays"].primary_key.columns
    assert metadata.tables["dim_track"].primary_key.columns.keys() == ["track_key"]
    comment = metadata.tables["fct_plays"].columns["track_key"].comment
    assert comment.endswith(". References dim_track.track_key")


def test_mysql_takes_every_comment():
    too_long = {
        f"{table}.{column.name}": len(ddl.column_comment(column))
        for table in TABLES
        for column in TABLES[table].sql.columns
        if len(ddl.column_comment(column)) > MYSQL_COMMENT
    }
    assert too_long == {}


@pytest.mark.parametrize("to_itself", [True, False])
def test_keys_of_a_table_to_itself_may_stay_away(to_itself):
    metadata = ddl.build_metadata(["dim_track"], DIALECT, self_references=to_itself)
    assert links(metadata, "dim_track") == ({"canonical_track_key -> dim_track.track_key"} if to_itself else set())


def test_names_and_types_are_the_stores():
    metadata = ddl.build_metadata(
        STAR, DIALECT, rename=lambda table: f"new_{table}", retype=lambda type_: sa.Text(), checks=False
    )
    assert set(metadata.tables) == {f"new_{table}" for table in STAR}
    assert "track_key -> new_dim_track.track_key" in links(metadata, "new_fct_plays")
    assert {str(column.type) for column in metadata.tables["new_dim_track"].columns} == {"TEXT"}


@pytest.mark.parametrize(
    ("column", "comment"),
    [
        (TABLES["dim_track"].sql.columns["track_key"], "Primary key"),
        (TABLES["fct_playlist_tracks"].sql.columns["snapshot_date"], "Part of the primary key"),
        (TABLES["fct_plays"].sql.columns["artist_key"], "References dim_artist.artist_key"),
    ],
)
def test_a_comment_says_which_key_a_column_is(column, comment):
    assert ddl.column_comment(column) == f"{column.comment}. {comment}"


@pytest.mark.parametrize("checks", [True, False])
def test_check_constraints_are_optional(checks):
    [table] = [next(name for name in TABLES if TABLES[name].check_constraints)]
    made = ddl.create_table(ddl.build_metadata([table], DIALECT, checks=checks).tables[table], DIALECT)
    assert made.count("CHECK (") == checks * len(TABLES[table].check_constraints)


@pytest.mark.parametrize(
    ("condition", "in_mysql"),
    [
        ("(change = 'change') = (rank IS NULL)", "(`change` = 'change') = (`rank` IS NULL)"),
        ("change <> 'it''s a change' AND rank > 1", "`change` <> 'it''s a change' AND `rank` > 1"),
        ("changed_on > day", "changed_on > day"),
        ("day BETWEEN 1 AND 7", "day BETWEEN 1 AND 7"),
    ],
)
def test_columns_of_a_condition_are_quoted_where_the_dialect_reserves_their_name(condition, in_mysql):
    columns = [sa.Column(name, sa.Integer) for name in ("change", "rank", "changed_on", "day")]
    table = sa.Table("served", sa.MetaData(), *columns)
    assert ddl._quote_columns(condition, table, mysql.dialect()) == in_mysql
    assert ddl._quote_columns(condition, table, postgresql.dialect()) == condition


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_create_table(foreign_keys):
    made = ddl.create_table(
        ddl.build_metadata(STAR, DIALECT).tables["bridge_track_artist"], DIALECT, foreign_keys=foreign_keys
    )
    assert made.startswith("CREATE TABLE bridge_track_artist (")
    assert "PRIMARY KEY (" in made
    assert ("FOREIGN KEY(track_key) REFERENCES dim_track (track_key)" in made) == foreign_keys


def test_comments_of_a_table_and_its_columns():
    table, *columns = ddl.comment_statements(
        ddl.build_metadata(["dim_listener"], DIALECT).tables["dim_listener"], DIALECT
    )
    assert table == f"COMMENT ON TABLE dim_listener IS '{TABLES['dim_listener'].comment}'"
    assert len(columns) == len(TABLES["dim_listener"].columns)
    assert columns[0].startswith("COMMENT ON COLUMN dim_listener.listener_key IS '")


def test_a_shape_is_of_all_statements_in_their_order():
    # A new hash would recreate every table of targets that a former version filled.
    assert ddl.ddl_fingerprint("a", "b") == "7e18f737311b"
    assert (
        len(
            {
                ddl.ddl_fingerprint("a", "b"),
                ddl.ddl_fingerprint("b", "a"),
                ddl.ddl_fingerprint("a"),
                ddl.ddl_fingerprint("a", "b", ""),
            }
        )
        == 4
    )


def test_the_table_of_windows_has_a_row_for_each_window():
    held = ddl.published_windows_table(sa.MetaData(), "held")
    assert held.name == "held"
    assert held.primary_key.columns.keys() == ["table_name", "window_name"]
    assert [column.name for column in held.columns] == ["table_name", "window_name", "version", "shape"]


@pytest.mark.parametrize("dialect", [ddl.DUCKDB, mysql_target.DIALECT, snowflake_sql.DIALECT])
def test_a_percent_sign_in_a_comment_stays_one(dialect):
    table = sa.Table("t", sa.MetaData(), sa.Column("a", sa.Integer, comment="60 % or more"), comment="5 %")
    statements = "\n".join([ddl.create_table(table, dialect), *ddl.comment_statements(table, dialect)])
    assert "'60 % or more'" in statements
    assert "%%" not in statements
