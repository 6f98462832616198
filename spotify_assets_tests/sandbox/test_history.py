from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pyarrow.compute as pc
import pytest

from spotify_assets.landing.zone import LandingZone
from spotify_assets.readers.formats import detect_format
from spotify_assets.sandbox.exports import land_sample_exports
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
    assert {path.relative_to(tmp_path / "history").parts[0] for path in first} == {"demo-anna", "demo-ben"}
