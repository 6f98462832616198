"""Where a listener was, by the country of the connection."""

from spotify_assets.model.columns import COUNT, DAY, LABEL, NUMBER, TEXTS, key, optional, required, table
from spotify_assets.model.declarations import CheckConstraint
from spotify_assets.model.metrics import by_listener, in_primary_key

HOME_DAYS = 365
# A trip ends with the last day there before as many days without a play.
TRIP_GAP_DAYS = 14
LIFT_PLAYS = 3
LIFTED = 3

listening_places = table(
    "listening_places",
    "metrics",
    "One row per listener, local month and known country with a play; all content types.",
    by_listener(),
    key("month", "First day of the local month", type_=DAY, primary_key=True),
    in_primary_key(required("conn_country", LABEL, "Country of the connection (ISO 3166-1)")),
    required("plays", COUNT, "Plays there"),
    required("ms_played", COUNT, "Listening time there (ms)"),
    required("days", COUNT, "Local days of which most time was heard there; of equal times the first code"),
    required(
        "home",
        LABEL,
        f"The listener's country of most days in the {HOME_DAYS} days up to the month's last day with a play; of "
        "equal numbers the first code",
    ),
    CheckConstraint("plays > 0 AND days >= 0", name="places_have_plays"),
)

trips = table(
    "trips",
    "metrics",
    f"One row per listener and trip: days with a play in one country other than the home of their month, without a "
    f"day elsewhere or {TRIP_GAP_DAYS} days without a play between them.",
    by_listener(),
    key("trip_start", "First local day of the trip", type_=DAY, primary_key=True),
    required("trip_end", DAY, "Last local day of the trip"),
    required("country", LABEL, "Country (ISO 3166-1)"),
    required("home", LABEL, "Home at its start, as in `listening_places`"),
    required("days", NUMBER, "Calendar days from start to end, both included"),
    required("listening_days", NUMBER, "Of these: days with a play"),
    required("plays", COUNT, "Plays in these days, all content types"),
    required("ms_played", COUNT, "Listening time in these days (ms)"),
    optional(
        "top_recordings",
        TEXTS,
        f"Up to {LIFTED} recordings with the highest lift in these days (their share of plays of tracks by their "
        f"share of all time), with {LIFT_PLAYS} plays or more then, as `artist - track`; null where there are none",
    ),
    CheckConstraint("trip_start <= trip_end", name="trip_in_order"),
    CheckConstraint("listening_days BETWEEN 1 AND days", name="listening_days_within_trip"),
)
