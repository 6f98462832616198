"""What playlists hold, how they change, and what the listener makes of them."""

from spotify_assets.model.columns import (
    COUNT,
    DAY,
    FLAG,
    LABEL,
    NUMBER,
    RATE,
    TEXT,
    hash_key,
    key,
    optional,
    required,
    table,
)
from spotify_assets.model.declarations import CheckConstraint

# Ranks of `track_metrics` that make the listener's favourites.
FAVOURITE_RANKS = 100
# Days before and after a track was added in which its plays are compared.
IMPACT_DAYS = 28
# A track that wasn't played for so long since it was added is dead weight.
DEAD_WEIGHT_DAYS = 90
# By the last place (1-based) of each but the last.
POSITION_BUCKETS = {10: "1-10", 30: "11-30", 100: "31-100", None: "101+"}
OF_THE_LISTENER = "the listener (`SPOTIFY_ASSETS_LISTENER`, or whoever has heard most where they have heard no music)"

playlist_overlap = table(
    "playlist_overlap",
    "metrics",
    "One row per two playlists that share a track or episode in their latest snapshots. Tracks count by canonical "
    "recording, each once.",
    hash_key("playlist_a", "The playlist with the smaller key", "dim_playlist.playlist_key", primary_key=True),
    hash_key("playlist_b", "The other one", "dim_playlist.playlist_key", primary_key=True),
    required("name_a", TEXT, "Name of `playlist_a`, of its current version"),
    required("name_b", TEXT, "Name of `playlist_b`, of its current version"),
    required("shared", COUNT, "Tracks and episodes that both have"),
    required("contents_a", COUNT, "Different tracks and episodes of `playlist_a`"),
    required("contents_b", COUNT, "Different tracks and episodes of `playlist_b`"),
    required("contents_either", COUNT, "Different tracks and episodes that are on either"),
    required("jaccard", RATE, "`shared` by `contents_either` (above 0 to 1)"),
    CheckConstraint("playlist_a < playlist_b", name="pair_once"),
    CheckConstraint("shared > 0 AND shared <= contents_a AND shared <= contents_b", name="shared_within_both"),
    CheckConstraint("contents_either = contents_a + contents_b - shared", name="either_is_a_union"),
    CheckConstraint("jaccard BETWEEN 0 AND 1", name="jaccard_in_range"),
)

playlist_metrics = table(
    "playlist_metrics",
    "metrics",
    "One row per playlist with a snapshot. Removed items count as `items` only.",
    hash_key("playlist_key", "The playlist", "dim_playlist.playlist_key", primary_key=True),
    required("playlist_name", TEXT, "Name of its current version; `unknown` where no capture has it"),
    required("first_snapshot_on", DAY, "Day of its first snapshot (UTC)"),
    required("last_snapshot_on", DAY, "Day of its latest snapshot (UTC)"),
    required("snapshots", COUNT, "Days with a snapshot"),
    required("items", COUNT, "Places in the latest snapshot"),
    required("tracks", COUNT, "Different canonical recordings in the latest snapshot, local files included"),
    required("episodes", COUNT, "Different episodes in the latest snapshot"),
    required("artists", COUNT, "Different canonical artists in the latest snapshot: of each track the album's artist"),
    required("length_known", COUNT, "Different tracks and episodes in the latest snapshot whose length is known"),
    required("hours", RATE, "Length of these together (h)"),
    required("contents_ever", COUNT, "Different tracks and episodes of all snapshots"),
    required("observed_days", NUMBER, "Days from the first to the latest snapshot"),
    required("entries", COUNT, "Times that a track or episode entered after the first snapshot, returns included"),
    required("exits", COUNT, "Times that one left"),
    optional("entries_per_30_days", RATE, "`entries` by `observed_days`, times 30; null where that is 0"),
    optional("exits_per_30_days", RATE, "`exits` by `observed_days`, times 30; null where that is 0"),
    optional(
        "median_tenure_days",
        RATE,
        "Median of the days from the first to the latest snapshot with a track or episode, both included, of all that "
        "were ever on it; null where none was",
    ),
    optional(
        "half_life_days",
        NUMBER,
        "Days on the playlist after which half of all are gone: the median of Kaplan and Meier's estimate "
        "(https://doi.org/10.1080/01621459.1958.10501452), in which those that are still there count for as long as "
        "they have been; null where fewer than half left",
    ),
    required("favourites_on_it", COUNT, "Of `favourites`: in the latest snapshot"),
    required("favourites", COUNT, f"The all-time top {FAVOURITE_RANKS} recordings of {OF_THE_LISTENER}; fewer if so"),
    optional("favourites_share", RATE, "`favourites_on_it` by `favourites` (0 to 1); null where that is 0"),
    CheckConstraint("first_snapshot_on <= last_snapshot_on", name="snapshots_in_order"),
    # There may be more artists than recordings: two artists who share a recording are two.
    CheckConstraint("artists + episodes <= items AND tracks + episodes <= items", name="counts_within_items"),
    CheckConstraint("favourites_on_it <= favourites AND favourites_on_it <= tracks", name="favourites_within_tracks"),
    CheckConstraint("favourites_share BETWEEN 0 AND 1", name="favourites_share_is_a_share"),
    CheckConstraint("half_life_days > 0 AND median_tenure_days >= 1", name="tenures_of_a_day_or_more"),
)

playlist_impact = table(
    "playlist_impact",
    "metrics",
    f"One row per playlist and canonical recording that was ever on it, with the plays of {OF_THE_LISTENER}. "
    "Empty where no plays are known.",
    hash_key("playlist_key", "The playlist", "dim_playlist.playlist_key", primary_key=True),
    key("content_key", "The canonical recording's most played id", "dim_track.track_key", primary_key=True),
    hash_key("recording_key", "The canonical recording", "dim_recording.recording_key"),
    required("track_name", TEXT, "As in `dim_recording`"),
    required("artist_name", TEXT, "The album's artist, as in `dim_recording`"),
    required("is_current", FLAG, "Whether the latest snapshot has it"),
    optional(
        "position_bucket",
        LABEL,
        "Its first place in the latest snapshot (1-based); null where it is gone",
        info={"accepted": tuple(POSITION_BUCKETS.values())},
    ),
    required(
        "listed_since", DAY, "Local date of `added_on`; where that is unknown, day of the first snapshot with it"
    ),
    optional(
        "added_on",
        DAY,
        "Local date on which it was first added: as captures tell, else the first snapshot with it (UTC); null where "
        "that is the playlist's first one",
    ),
    required(
        "days_listed", NUMBER, "Days from `listed_since` to the latest snapshot with it, or the last play of anything"
    ),
    optional(
        "plays_before",
        COUNT,
        f"Plays in the {IMPACT_DAYS} days before `added_on`; null where that is unknown, or not all of them lie from "
        "the first to the last play of anything",
    ),
    optional(
        "plays_after",
        COUNT,
        f"Plays in the {IMPACT_DAYS} days after `added_on`; null where that is unknown, or not all of them lie from "
        "the first to the last play of anything",
    ),
    optional("uplift", COUNT, "`plays_after` less `plays_before`; null where either is null"),
    required("plays_since", COUNT, "Plays after `listed_since`, also after it left"),
    required("skips_since", COUNT, "Of `plays_since`: those that were skipped; unknown ones don't count"),
    required("skips_known_since", COUNT, "Of `plays_since`: those whose `skipped` is known"),
    optional("skip_rate", RATE, "`skips_since` by `skips_known_since` (0 to 1); null where that is 0"),
    optional(
        "days_since_last_play",
        NUMBER,
        "Days from its last play, wherever and whenever, to the last play of anything; null where it was never played",
    ),
    required(
        "is_dead_weight",
        FLAG,
        f"Whether it is on the playlist, for {DEAD_WEIGHT_DAYS} days or more (`days_listed`), and `plays_since` is 0",
    ),
    CheckConstraint("uplift = plays_after - plays_before", name="uplift_is_a_difference"),
    CheckConstraint("is_current = (position_bucket IS NOT NULL)", name="current_has_a_place"),
    CheckConstraint("skip_rate BETWEEN 0 AND 1", name="skip_rate_is_a_share"),
    CheckConstraint("days_listed >= 0 AND days_since_last_play >= 0", name="days_not_negative"),
    CheckConstraint("plays_since = 0 OR NOT is_dead_weight", name="dead_weight_is_not_played"),
)
