"""How the listeners of a lake resemble each other."""

from spotify_assets.model.columns import COUNT, LABEL, RATE, TEXTS, key, optional, required, table
from spotify_assets.model.declarations import CheckConstraint

ENTITY_TYPES = ("track", "artist", "album")
FAVOURITES = 10

listener_affinity = table(
    "listener_affinity",
    "metrics",
    "One row per two listeners and entity type: how alike is what they heard. All time, tracks only; recordings, "
    "artists and albums by canonical key. Listeners without tracks are left out; empty for one listener.",
    key("listener_a", "The listener whose name comes first", primary_key=True),
    key("listener_b", "The other one", primary_key=True),
    required(
        "entity_type",
        LABEL,
        "What is compared: recordings, artists or albums",
        primary_key=True,
        info={"accepted": ENTITY_TYPES},
    ),
    required("shared", COUNT, "Entities that both heard"),
    required("entities_a", COUNT, "Entities that `listener_a` heard"),
    required("entities_b", COUNT, "Entities that `listener_b` heard"),
    required("ms_played_a", COUNT, "Listening time of `listener_a` to them (ms)"),
    required("ms_played_b", COUNT, "Listening time of `listener_b` to them (ms)"),
    optional(
        "cosine",
        RATE,
        "Cosine of the angle between their listening times by entity (0: nothing shared, 1: the same proportions); "
        "null where `ms_played_a` or `ms_played_b` is 0",
    ),
    optional(
        "shared_minimum",
        RATE,
        "Sum over the entities of the smaller of both shares in their listening time (0 to 1); null where "
        "`ms_played_a` or `ms_played_b` is 0",
    ),
    required(
        "rank_weighted",
        RATE,
        "How alike their rankings by listening time are, mostly on top: sum over the shared entities of 1 / (the "
        "worse of both ranks), divided by that sum for the shorter ranking with itself (0 to 1)",
    ),
    required(
        "shared_favourites",
        TEXTS,
        f"The {FAVOURITES} shared entities whose smaller share is largest, ties by key: the artist, or "
        "`artist - title`",
    ),
    required("heard_first_by", TEXTS, "For each of them, who heard it first; `listener_a` where both did"),
    CheckConstraint("listener_a < listener_b", name="in_order_of_name"),
    CheckConstraint("shared <= entities_a AND shared <= entities_b", name="shared_within_both"),
    CheckConstraint("cosine BETWEEN 0 AND 1", name="cosine_in_range"),
    CheckConstraint("shared_minimum BETWEEN 0 AND 1", name="shared_minimum_is_a_share"),
    CheckConstraint("rank_weighted BETWEEN 0 AND 1", name="rank_weighted_in_range"),
)
