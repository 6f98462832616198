import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from spotify_assets.targets import ddl


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
    assert ddl._quoted(condition, table, mysql.dialect()) == in_mysql
    assert ddl._quoted(condition, table, postgresql.dialect()) == condition
