from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pyarrow.compute as pc
import pytest

from spotify_assets.landing.zone import LandingZone
from spotify_assets.readers.formats import detect_format
from spotify_assets.readers.history import read_history
from spotify_assets.sandbox.exports import LISTENERS, land_sample_exports
from spotify_assets.sandbox.history import Listening, extended_history, track_lengths, track_names

FIRST, LAST = datetime(2019, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def history():
    return extended_history(Listening(50_000, FIRST, LAST))


def test_the_same_seed_gives_the_same_records(history):
    assert history.equals(extended_history(Listening(50_000, FIRST, LAST)))
    assert not history.equals(extended_history(Listening(50_000, FIRST, LAST, seed=2)))


def test_a_track_has_the_same_names_and_length_in_every_history():
    few, many = track_names(50), track_names(5_000)
    assert all((a == b[:50]).all() for a, b in zip(few, many, strict=True))
    assert (track_lengths(50) == track_lengths(5_000)[:50]).all()


@pytest.mark.parametrize("plays", [1, 20, 1_000])
def test_any_number_of_plays(plays):
    assert len(extended_history(Listening(plays, FIRST, LAST))) == plays


def test_it_has_the_keys_of_todays_exports(history):
    assert len(history.column_names) == 23
    assert detect_format(history.column_names).name == "extended"


def test_it_is_believable(history):
    ms = history["ms_played"].to_numpy()
    assert 120_000 < np.median(ms) < 190_000
    assert 0.65 < (ms >= 30_000).mean() < 0.85
    assert 0.01 < (ms < 500).mean() < 0.06
    ids = history["spotify_track_uri"].drop_null().value_counts()
    counts = np.sort(pc.struct_field(ids, 1).to_numpy())[::-1]
    assert 7 < len(history) / len(counts) < 12
    assert counts[: len(counts) // 10].sum() > 0.3 * counts.sum()  # a heavy tail
    assert 0 < history["master_metadata_track_name"].null_count < 0.2 * len(history)
    assert 0 < history["skipped"].null_count < 0.05 * len(history)
    repeated = len(history) - len(history.group_by(history.column_names[:9]).aggregate([]))
    assert 0.004 < repeated / len(history) < 0.02


def test_some_plays_are_reported_hours_and_days_later_together(history):
    offline = history.filter(history["offline"])
    ends = offline["offline_timestamp"].to_numpy() + offline["ms_played"].to_numpy() // 1000
    reported = pc.strptime(offline["ts"], "%Y-%m-%dT%H:%M:%SZ", "s").cast("int64").to_numpy()
    late = reported - ends
    assert 0.005 < (late > 60).sum() / len(history) < 0.015
    assert late.max() > 12 * 3600
    assert len(np.unique(reported[late > 60])) < 0.5 * (late > 60).sum()


def heard(history):
    """Start and end of each play (ms since 1970), in order; of offline plays by `offline_timestamp`. None twice."""
    columns = [history[name].to_pylist() for name in ("ts", "ms_played", "offline_timestamp")]
    plays = set()
    for ts, ms, offline in zip(*columns, strict=True):
        reported = int(datetime.fromisoformat(ts).timestamp()) * 1000
        end = reported if offline is None or reported - offline * 1000 - ms <= 60_000 else offline * 1000 + ms
        plays.add((end - ms, end))
    return sorted(plays)


@pytest.mark.parametrize(
    "listening",
    [
        Listening(3_000, FIRST, LAST),
        Listening(3_000, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC), podcast_share=0.15),
    ],
    ids=["six years", "a month"],
)
def test_plays_follow_one_another(listening):
    plays = heard(extended_history(listening))
    assert all(end <= start for (_, end), (start, _) in pairwise(plays))
    assert listening.first.timestamp() * 1000 <= plays[0][0]
    assert plays[-1][1] < listening.last.timestamp() * 1000


def test_more_plays_than_fit_into_the_time_overlap():
    day = Listening(3_000, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))
    history = extended_history(day)
    assert len(history) == 3_000
    assert {ts[:10] for ts in history["ts"].to_pylist()} <= {"2024-01-01"}


def test_exports_are_landed_once_and_the_same(tmp_path):
    def landed():
        return {path: (path.read_bytes(), path.stat().st_mtime) for path in tmp_path.rglob("*") if path.is_file()}

    land_sample_exports(LandingZone(str(tmp_path)), 3_000)
    first = landed()
    land_sample_exports(LandingZone(str(tmp_path)), 3_000)
    assert landed() == first
    assert {path.relative_to(tmp_path / "history").parts[0] for path in first} == set(LISTENERS)


def test_some_days_are_spent_abroad_one_after_the_other(history):
    country_of = {}
    for ts, country, offline in zip(*(history[name].to_pylist() for name in ("ts", "conn_country", "offline")),
                                    strict=True):  # fmt: skip
        if not offline:  # those may be reported days later
            country_of.setdefault(ts[:10], set()).add(country)
    assert all(len(countries) == 1 for countries in country_of.values())
    by_day = [country for _, [country] in sorted(country_of.items())]
    assert 0.02 < sum(country != "SE" for country in by_day) / len(by_day) < 0.12
    changes = sum(before != after for before, after in pairwise(by_day))
    assert len(set(by_day)) > 2
    assert 10 < changes < 60


def test_a_listener_with_own_tracks_shares_every_second_one(history):
    def artists(of):
        return set(of["master_metadata_album_artist_name"].drop_null().to_pylist())

    common = set(history["spotify_track_uri"].drop_null().to_pylist())
    other = extended_history(Listening(3_000, FIRST, LAST, seed=3, own_from=50_000 // 9))
    plays = [uri in common for uri in other["spotify_track_uri"].drop_null().to_pylist()]
    assert 0.4 < sum(plays) / len(plays) < 0.7
    assert artists(other) & artists(history)
    assert artists(other) - artists(history)


def test_the_third_listener_has_account_data_of_music_podcasts_and_an_audiobook(tmp_path):
    land_sample_exports(LandingZone(str(tmp_path)), 20_000)
    kinds = {}
    for path in (tmp_path / "history/demo-chloe").glob("*/StreamingHistory_*.json"):
        with path.open("rb") as stream:
            found = read_history(stream, path.name, 10_000_000)
            [table] = found.tables
        named = {"music": "track_name", "podcast": "episode_name", "audiobook": "chapter_title"}
        kind = path.stem.split("_")[1]
        assert table[named[kind]].null_count == 0
        kinds[kind] = found.source_format, len(table) > 10
    assert kinds == dict.fromkeys(("music", "podcast", "audiobook"), ("account_data", True))
