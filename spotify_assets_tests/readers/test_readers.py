import io
import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet

from spotify_assets.model.raw import RECORD_FIELDS
from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.history import read_history
from spotify_assets_tests.conftest import account, extended

MAVEN_HEADER = (
    "spotify_track_uri,ts,platform,ms_played,track_name,artist_name,album_name,reason_start,reason_end,shuffle,skipped"
)
MAVEN_ROW = (
    '2J3n32GeLmMjwuAzyhcSNe,2013-07-08 02:44:34,web player,3185,"Say It, Just Say It",The Mowgli\'s,Waiting,'
    "autoplay,clickrow,FALSE,FALSE"
)


def read(content, name="file.json", max_json_bytes=10_000_000):
    data = content if isinstance(content, bytes) else content.encode()
    records = read_history(io.BytesIO(data), name, max_json_bytes)
    return records.source_format, [row for table in records.tables for row in table.to_pylist()]


def only(rows, *columns):
    return [tuple(row[column] for column in columns) for row in rows]


def test_extended_history_keeps_its_fields_as_text():
    source_format, [row] = read(json.dumps([extended("2024-01-31T13:37:00Z", 60000.0)]))
    assert source_format == "extended"
    assert row["ms_played"] == "60000.0"
    assert row["shuffle"] == "false"
    assert row["track_uri"] == "spotify:track:Song000000000000000000"
    assert row["reported_at"] == datetime(2024, 1, 31, 13, 37, tzinfo=UTC)
    assert set(RECORD_FIELDS) < set(row)


def test_addresses_and_names_of_people_are_not_read():
    record = extended("2024-01-31T13:37:00Z", username="someone", user_agent_decrypted="agent", ip_addr="198.51.100.7")
    _, rows = read(json.dumps([record]))
    assert not [value for value in rows[0].values() if value in ("someone", "agent", "198.51.100.7")]


def test_older_extended_history_lacks_keys():
    record = {key: value for key, value in extended("2019-01-31T13:37:00Z").items() if "episode" not in key}
    source_format, [row] = read(json.dumps([record]))
    assert (source_format, row["episode_name"], row["audiobook_title"]) == ("extended", None, None)


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (account("2021-04-22 05:41"), "track_name"),
        ({"endTime": "2021-04-22 05:41", "podcastName": "P", "episodeName": "E", "msPlayed": 1}, "episode_name"),
        ({"endTime": "2021-04-22 05:41", "audiobookName": "A", "chapterName": "C", "msPlayed": 1}, "chapter_title"),
    ],
)
def test_account_data(record, field):
    source_format, [row] = read(json.dumps([record]))
    assert source_format == "account_data"
    assert row[field]
    assert (row["reported_at"], row["has_seconds"]) == (datetime(2021, 4, 22, 5, 41, tzinfo=UTC), False)


def test_maven_csv():
    source_format, rows = read(f"{MAVEN_HEADER}\n{MAVEN_ROW}\n", "spotify_history.csv")
    assert source_format == "maven_csv"
    assert only(rows, "track_name", "shuffle", "has_seconds") == [("Say It, Just Say It", "FALSE", True)]


@pytest.mark.parametrize("start", ["\ufeff", "ï»¿", ""])
def test_a_byte_order_mark_is_passed_over_even_mangled(start):
    assert read(start + MAVEN_HEADER + "\r\n" + MAVEN_ROW + "\r\n", "x.csv")[0] == "maven_csv"
    assert read(start + json.dumps([account("2021-04-22 05:41")]))[0] == "account_data"


def test_a_csv_saved_by_excel():
    text = f"{MAVEN_HEADER}\n{MAVEN_ROW}".replace(',"Say It, Just Say It",', ",Say,").replace(",", ";")
    _, rows = read(text.replace("2013-07-08 02:44:34", "28-07-2013 02:44"), "x.csv")
    assert only(rows, "track_name", "reported_at", "has_seconds") == [
        ("Say", datetime(2013, 7, 28, 2, 44, tzinfo=UTC), False)
    ]


@pytest.mark.parametrize(("make", "expected"), [(extended, "extended"), (account, "account_data")])
def test_ndjson_and_parquet_of_the_same_columns(make, expected):
    records = [make("2021-04-22 05:41"), make("2021-04-22 05:43")]
    ndjson = "\n".join(json.dumps(record) for record in records)
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(records), buffer)
    for content, name in ((ndjson, "x.ndjson"), (buffer.getvalue(), "x.parquet")):
        source_format, rows = read(content, name)
        assert (source_format, len(rows)) == (expected, 2)
        assert rows[1]["reported_at"] == datetime(2021, 4, 22, 5, 43, tzinfo=UTC)


def test_parquet_times_with_any_zone_and_unit_are_utc():
    moment = datetime(2024, 1, 31, 13, 37, 0, 123456, tzinfo=UTC)
    for type_ in (pa.timestamp("us", "Europe/Stockholm"), pa.timestamp("ns"), pa.timestamp("us")):
        value = moment if type_.tz else moment.replace(tzinfo=None)
        table = pa.table({"ts": pa.array([value], type_), "ms_played": [1], "track_name": ["x"]})
        buffer = io.BytesIO()
        parquet.write_table(table, buffer)
        assert only(read(buffer.getvalue(), "x.parquet")[1], "reported_at", "has_seconds") == [(moment, True)]


def test_a_record_that_is_no_record_says_what_it_is_and_not_what_is_in_it():
    records = [extended("2024-01-31T13:37:00Z"), 5, ["secret"], {"password": "secret"}, "secret", None, True]
    _, rows = read(json.dumps(records))
    assert only(rows, "raw_record")[0] == (None,)
    assert [text for (text,) in only(rows, "raw_record")[1:]] == [
        "number, 1 characters: is no object",
        "array, 10 characters: is no object",
        "object, 21 characters: has none of the known fields",
        "string, 8 characters: is no object",
        "null, 4 characters: is no object",
        "boolean, 4 characters: is no object",
    ]
    assert "secret" not in json.dumps(rows, default=str)


def test_a_broken_line_of_ndjson_breaks_only_itself():
    lines = [json.dumps(account("2021-04-22 05:41")), '{"endTime": "2021-', json.dumps(account("2021-04-22 05:42"))]
    _, rows = read("\n".join(lines), "x.ndjson")
    assert only(rows, "ts", "raw_record") == [
        ("2021-04-22 05:41", None),
        (None, "text, 18 characters: is no valid JSON"),
        ("2021-04-22 05:42", None),
    ]


def test_a_broken_row_of_csv_breaks_only_itself():
    open_quote = MAVEN_ROW.replace('Say It"', "Say It")
    rows = read("\n".join([MAVEN_HEADER, MAVEN_ROW, "a,b", open_quote, "", MAVEN_ROW + ",x", MAVEN_ROW]), "x.csv")[1]
    broken = [(row["raw_record"] or "").partition(": ")[2] for row in rows]
    assert broken == ["", "has 2 columns, not 11", "has a quote that is never closed", "has 12 columns, not 11", ""]
    assert [row["track_name"] is None for row in rows] == [False, True, True, True, False]


def test_half_a_surrogate_pair_does_not_cost_the_file():
    _, rows = read('[{"endTime": "2021-04-22 05:41", "msPlayed": 1, "trackName": "a\\ud83d", "artistName": "b"}]')
    assert rows[0]["track_name"] == "a?"


def test_text_is_normalized_to_nfc():
    _, [row] = read(json.dumps([account("2021-04-22 05:41", track="Cafe\u0301")]))
    assert row["track_name"] == "Caf\u00e9"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '[{"endTime": "2021-04-22 05:41", "msPlayed": 1}, {"endT', "cut off"),
        ("a.json", "", "empty"),
        ("a.json", "hello", "starts with neither"),
        ("a.json", '{"a": 1', "no valid JSON"),
        ("a.json", b'[{"endTime": "\xff"}]', "byte 0xff at position 14"),
        ("a.csv", b"ts,ms_played,track_name\n2024-01-01 00:00:00,1,caf\xe9\n", "no UTF-8 text: byte 0xe9"),
        ("a.csv", b"\x00\x01\x02", "no text"),
        ("a.parquet", b"PAR1 and no more", "no whole Parquet"),
        ("a.json", "[" * 100_000, "no valid JSON|nested too deeply"),
    ],
)
def test_what_cannot_be_read_says_why(name, content, message):
    with pytest.raises(UnreadableError, match=message):
        read(content, name)


def test_a_json_document_has_a_size_limit_and_ndjson_has_none():
    records = [account("2021-04-22 05:41") for _ in range(50)]
    with pytest.raises(UnreadableError, match="SPOTIFY_ASSETS_MAX_JSON_MB"):
        read(json.dumps(records), max_json_bytes=1000)
    assert len(read("\n".join(map(json.dumps, records)), "x.ndjson", max_json_bytes=1000)[1]) == 50


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Playlist1.json", '{"playlists": []}'),
        ("Userdata.json", '{"username": "x"}'),
        ("SearchQueries.json", '[{"searchQuery": "x", "searchTime": "2024"}]'),
        ("Follow.json", "[]"),
        ("notes.csv", "name,age\nx,1\n"),
        ("ReadMe.pdf", b"%PDF-1.4\x00\x01"),
        ("photo.png", b"\x89PNG\r\n\x1a\n\x00"),
        ("notes.txt", "hello"),
        ("events.ndjson", '{"a": 1}\n{"a": 2}\n'),
    ],
)
def test_other_files_of_an_export_are_no_history(name, content):
    with pytest.raises(NoHistoryError):
        read(content, name)


def test_content_tells_and_not_the_name():
    assert read(json.dumps([account("2021-04-22 05:41")]), "history.txt")[0] == "account_data"
    assert read(f"{MAVEN_HEADER}\n{MAVEN_ROW}", "history")[0] == "maven_csv"


def test_blocks_of_a_large_file_lose_no_line(monkeypatch):
    monkeypatch.setattr("spotify_assets.readers.lines.BLOCK_BYTES", 1000)
    lines = [json.dumps(account("2021-04-22 05:41", track=f"Söng {number}")) for number in range(200)]
    _, rows = read("\n".join(lines), "x.ndjson")
    assert [row["track_name"] for row in rows] == [f"Söng {number}" for number in range(200)]


PLAYS = [account("2021-04-22 05:41", track="One"), account("2021-04-22 05:43", track="Två")]


def names(content, name="x.json"):
    return [row["track_name"] for row in read(content, name)[1]]


HEADER = "ts,ms_played,track_name"
ROW = "2024-01-31 13:37:00,200000,Song"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("form", ["sep={}", '"sep={}"', "SEP={} "])
def test_a_line_may_name_the_delimiter(delimiter, form):
    lines = [
        form.format(delimiter),
        *(line.replace(",", delimiter) for line in ("ts,ms_played,track_name", ROW)),
    ]
    assert names("\r\n".join(lines), "x.csv") == ["Song"]


ROW = "2024-01-31 13:37:00,200000,Song"


def test_a_line_that_names_a_delimiter_and_nothing_else_is_no_history():
    for content in ("sep=;", "sep=;\n", "sep=;\n\n", "sep=;\nts,ms_played,track_name\n", "sep=\n", "sep=ab\n"):
        with pytest.raises(NoHistoryError):
            read(content, "x.csv")


@pytest.mark.parametrize(
    "header",
    [
        "TS,MS_PLAYED,TRACK_NAME",
        " Ts , Ms_Played ,Track Name",
        '"ts","ms played","trackName"',
        "'ts','ms_played','track_name'",
    ],
)
def test_names_of_columns_in_another_case_or_with_blanks(header):
    source_format, [row] = read(f"{header}\n{ROW}", "x.csv")
    assert (source_format, row["ms_played"], row["track_name"]) == ("maven_csv", "200000", "Song")


def test_keys_and_columns_of_ndjson_and_parquet_in_another_case():
    upper = [{key.upper(): value for key, value in play.items()} for play in PLAYS]
    assert names("\n".join(map(json.dumps, upper)), "x.ndjson") == ["One", "Två"]
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(upper), buffer)
    assert names(buffer.getvalue(), "x.parquet") == ["One", "Två"]


def test_a_key_that_the_first_record_lacks_is_read_from_the_others_as_spelled():
    episode = {"ENDTIME": "2021-04-22 05:42", "MSPLAYED": 1, "EPISODENAME": "E", "PODCASTNAME": "P"}
    record = {key.upper(): value for key, value in PLAYS[0].items()}
    _, rows = read("\n".join(map(json.dumps, [record, episode])), "x.ndjson")
    assert only(rows, "track_name", "episode_name", "show_name") == [("One", None, None), (None, "E", "P")]


def test_a_column_that_occurs_twice_counts_once_and_hostile_names_are_no_columns():
    source_format, [row] = read(f'ts,ms_played,track_name,TS,"t\'; --"\n{ROW},garbage,x', "x.csv")
    assert (source_format, row["ts"]) == ("maven_csv", "2024-01-31 13:37:00")
    hostile = {
        "ts') --": 1,
        'm"s': 1,
        "$.x": 1,
        "": 1,
        "ts": "2024-01-31 13:37:00",
        "ms_played": 1,
        "track_name": "Song",
    }
    assert names(json.dumps(hostile)) == ["Song"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_in_blocks(monkeypatch, encoding):
    monkeypatch.setattr(
        "spotify_assets.readers.lines.BLOCK_BYTES", 1001
    )  # a character lies on both sides of a block's end
    mark = "\ufeff".encode(encoding)
    table = "\r\n".join(["ts\tms_played\ttrack_name", *(f"2024-01-31 13:37:00\t1\tSöng {n} 🎵" for n in range(500))])
    assert names(mark + table.encode(encoding), "x.txt") == [f"Söng {number} 🎵" for number in range(500)]
    for text in (json.dumps(PLAYS, ensure_ascii=False), "\n".join(map(json.dumps, PLAYS))):
        assert names(mark + text.encode(encoding)) == ["One", "Två"]


def test_utf_16_that_is_cut_off_or_has_no_mark_says_so():
    text = f"ts,ms_played,track_name\n{ROW}\n"
    with pytest.raises(UnreadableError, match="no whole UTF-16 text"):
        read(b"\xff\xfe" + text.encode("utf-16-le")[:-1], "x.csv")
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(UnreadableError, match="save it as UTF-8"):
            read(text.encode(encoding), "x.csv")


@pytest.mark.parametrize("block_bytes", [50, 8 << 20])
def test_lines_that_end_with_cr(monkeypatch, block_bytes):
    monkeypatch.setattr("spotify_assets.readers.lines.BLOCK_BYTES", block_bytes)
    lines = ["ts,ms_played,track_name", *(f"2024-01-31 13:37:00,1,Song {number}" for number in range(20)), ""]
    for end in ("\r", "\n", "\r\n"):
        assert names(end.join(lines), "x.csv") == [f"Song {number}" for number in range(20)]
    assert names("\r".join(map(json.dumps, PLAYS)), "x.ndjson") == ["One", "Två"]


@pytest.mark.parametrize(
    "content",
    [
        "\0" + json.dumps(PLAYS),
        "\0" * 10_000 + json.dumps(PLAYS, indent=2) + "\0" * 100,
        "\0\ufeff" + "\n".join(map(json.dumps, PLAYS)),
        "window.YTD.history.part0 = " + json.dumps(PLAYS),
        'window["plays"][0]=' + json.dumps(PLAYS) + ";",
        "var plays = \n" + json.dumps(PLAYS, indent=1) + " ;\n",
        ")]}',\n" + json.dumps(PLAYS),
        json.dumps(PLAYS[:1]) + json.dumps(PLAYS[1:]),
        json.dumps(PLAYS[:1], indent=2) + "\n\n" + json.dumps(PLAYS[1:], indent=2) + "\n",
        "[]" + json.dumps(PLAYS),
        "\n".join(json.dumps(play, indent=2) for play in PLAYS),
        json.dumps(PLAYS[0], indent=2) + json.dumps(PLAYS[1:]),
    ],
)
def test_json_with_something_in_front_or_after_it(content):
    assert names(content) == ["One", "Två"]
    assert names(content, "history") == ["One", "Två"]


def test_one_play_a_file():
    for text in (json.dumps(PLAYS[0]), json.dumps(PLAYS[0], indent=2), "const play = " + json.dumps(PLAYS[0])):
        assert names(text) == ["One"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\0" * 20_000, "it is empty"),
        ("plays = ", "starts with neither"),
        ("<html><body>Sign in</body></html>", "with <, as web pages do"),
        ("var plays = [{", "no valid JSON.*cut off"),
        (json.dumps(PLAYS) + "," + json.dumps(PLAYS), "no valid JSON: Expecting value in line 1, column"),
        (json.dumps(PLAYS) + '[{"endTime": ', "no valid JSON.*cut off"),
        ("\x01\x02\x03", "no text"),
    ],
)
def test_json_that_cannot_be_read_says_what_it_is(content, message):
    with pytest.raises(UnreadableError, match=message):
        read(content)


def test_control_characters_in_a_name_are_text():
    assert names("ts,ms_played,track_name\n2024-01-31 13:37:00,1,a\x02b\n", "x.csv") == ["a\x02b"]
