"""Taste: genres, decades, sound and diversity over time, each with how much is known."""

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Page, View
from spotify_assets.dashboard.formats import capitalized, plural, write_genre, write_month, write_share, write_words
from spotify_assets.dashboard.queries import Rows

SHOWN_GENRES = 8
GENRES = """
    WITH sums AS (
        SELECT genre_family, sum(ms_played) AS ms_played FROM genre_trends
        WHERE listener = $listener AND month BETWEEN date_trunc('month', $start) AND $end GROUP BY genre_family
    ),
    named AS (
        SELECT genre_family, CASE WHEN row_number() OVER (ORDER BY ms_played DESC, genre_family) <= $most
            THEN genre_family ELSE 'all others' END AS genre
        FROM sums WHERE ms_played > 0
    ),
    places AS (SELECT genre, row_number() OVER (ORDER BY genre = 'all others', sum(ms_played) DESC) AS place
        FROM named JOIN sums USING (genre_family) GROUP BY genre)
    SELECT month, genre, place, sum(trailing_12_share) AS share, sum(ms_played) / 3600000 AS hours,
        any_value(coverage) AS coverage
    FROM genre_trends JOIN named USING (genre_family) JOIN places USING (genre)
    WHERE listener = $listener AND month BETWEEN date_trunc('month', $start) AND $end
    GROUP BY month, genre, place ORDER BY month, place
"""
MOVES = """
    SELECT genre_family AS genre, month, CASE WHEN is_emerging THEN 'emerging'
        ELSE 'fading' END AS moves,
        share, z_score, coverage
    FROM genre_trends WHERE listener = $listener AND (is_emerging OR is_fading)
        AND month BETWEEN date_trunc('month', $start) AND $end
    ORDER BY month DESC, abs(z_score) DESC NULLS LAST, genre
"""
DECADES = """
    SELECT release_decade || 's' AS decade, sum(ms_played) / 3600000 AS hours, sum(plays)::BIGINT AS plays,
        sum(ms_played) / sum(sum(ms_played)) OVER () AS share
    FROM era_activity WHERE listener = $listener AND month BETWEEN date_trunc('month', $start) AND $end
    GROUP BY release_decade ORDER BY release_decade
"""
AGE = """
    SELECT year(period_start) AS year, mean_release_year, year(period_start) - mean_release_year AS age,
        release_coverage AS coverage
    FROM period_listening WHERE listener = $listener AND period_type = 'year' AND mean_release_year IS NOT NULL
    ORDER BY year
"""
SOUND = """
    SELECT month, feature, amount, coverage FROM (
        UNPIVOT (SELECT * FROM audio_profile WHERE listener = $listener AND month BETWEEN date_trunc('month',
            $start) AND $end)
        ON danceability, energy, acousticness, instrumentalness, valence INTO NAME feature VALUE amount
    ) ORDER BY month, feature
"""
DIVERSITY = """
    SELECT year(period_start) AS year, effective_artists, half_of_listening_artists, top_10_share, gini
    FROM period_listening WHERE listener = $listener AND period_type = 'year' AND effective_artists IS NOT NULL
    ORDER BY year
"""
KNOWN = "It needs catalogue files or captured playlists: docs/catalogue.md says where they come from."


def taste_page(view: View) -> Page:
    """Genres, what grows and fades, decades, age, sound, diversity."""
    return Page(
        "Taste",
        [
            Block(
                "genres",
                view.query(GENRES, most=SHOWN_GENRES),
                _genre_title,
                [
                    Column("month", "Month", "month"),
                    Column("genre", "Genre", "genre"),
                    Column("share", "Share of the 12 months up to it", "share"),
                    Column("hours", "Hours in it", "decimal"),
                    Column("coverage", "Known", "share"),
                ],
                chart=lambda rows: charts.areas_chart(
                    "month",
                    "share",
                    color="genre",
                    names=[write_genre(name) for name in _genre_names(rows)],
                    x_title="month",
                    y_title="share of the 12 months up to it",
                    time="%b %Y",
                ),
                note=lambda rows: f"Of the time whose genre is known: {_coverage(rows)} in these months.",
                empty=f"No genres are known. {KNOWN}",
                shown=400,
            ),
            Block(
                "moves",
                view.query(MOVES),
                lambda rows: (
                    f"{capitalized(write_genre(rows[0]['genre']))} was {rows[0]['moves']} in "
                    f"{write_month(rows[0]['month'])}"
                ),
                [
                    Column("genre", "Genre", "genre"),
                    Column("month", "Month", "month"),
                    Column("moves", "What"),
                    Column("share", "Share", "share"),
                ],
                note="Months in which a genre's share was more than two standard deviations from the 24 before.",
                empty="No genre stood out from the two years before.",
                shown=10,
                is_half=True,
            ),
            Block(
                "decades",
                view.query(DECADES),
                lambda rows: f"Most of it is from the {max(rows, key=lambda row: row['hours'])['decade']}",
                [
                    Column("decade", "Decade"),
                    Column("hours", "Hours", "decimal"),
                    Column("plays", "Plays", "count"),
                    Column("share", "Share", "share"),
                ],
                chart=lambda rows: charts.columns_chart(
                    "decade", "hours", x_title="decade of release", y_title="hours"
                ),
                note="By release, where it is known; a reissue counts as of its own.",
                empty=f"No releases are known. {KNOWN}",
                is_half=True,
            ),
            Block(
                "age",
                view.query(AGE),
                _age_title,
                [
                    Column("year", "Year"),
                    Column("mean_release_year", "Mean year of release", "decimal"),
                    Column("age", "Age in years", "decimal"),
                    Column("coverage", "Known", "share"),
                ],
                chart=lambda rows: charts.lines_chart(
                    "year", "age", x_title="year", y_title="mean age of the music in years", dots=True
                ),
                note="How old the music was when you heard it, weighted by time; all years.",
                empty=f"No releases are known. {KNOWN}",
                is_half=True,
            ),
            Block(
                "diversity",
                view.query(DIVERSITY),
                _diversity_title,
                [
                    Column("year", "Year"),
                    Column("effective_artists", "Effective artists", "decimal"),
                    Column("half_of_listening_artists", "Make up half", "count"),
                    Column("top_10_share", "Top ten", "share"),
                    Column("gini", "Gini", "decimal"),
                ],
                chart=lambda rows: charts.lines_chart(
                    "year", "effective_artists", x_title="year", y_title="effective number of artists", dots=True
                ),
                note="As many artists with equal time each would be as diverse (exponential of Shannon's entropy); "
                "all years.",
                empty="No artists are known.",
                is_half=True,
            ),
            Block(
                "sound",
                view.query(SOUND),
                _sound_title,
                [
                    Column("month", "Month", "month"),
                    Column("feature", "Feature"),
                    Column("amount", "0 to 1", "share"),
                    Column("coverage", "Known", "share"),
                ],
                chart=lambda rows: charts.lines_chart(
                    "month",
                    "amount",
                    x_title="month",
                    y_title="mean, weighted by time (0 to 1)",
                    time="%b %Y",
                    color="feature",
                    form=charts.SHARE,
                    height=280,
                ),
                note=lambda rows: f"Audio features of the music, where they are known: {_coverage(rows)} of the time.",
                empty=f"No audio features are known. {KNOWN}",
                shown=400,
            ),
        ],
    )


def _genre_names(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["genre"] for row in sorted(rows, key=lambda row: row["place"])))


def _genre_title(rows: Rows) -> str:
    names = _genre_names(rows)
    last = [row for row in rows if row["month"] == rows[-1]["month"]]
    top = max(last, key=lambda row: row["share"] or 0)
    return f"{capitalized(write_genre(top['genre']))} leads with {write_share(top['share'] or 0)}" + (
        f", {write_genre(names[0])} over the whole period" if names[0] != top["genre"] else ""
    )


def _coverage(rows: Rows) -> str:
    by_month = {row["month"]: row["coverage"] for row in rows if row["coverage"] is not None}
    if not by_month:
        return "nothing"
    low, high = min(by_month.values()), max(by_month.values())
    return write_share(low) if write_share(low) == write_share(high) else f"{write_share(low)} to {write_share(high)}"


def _age_title(rows: Rows) -> str:
    first, last = rows[0], rows[-1]
    if len(rows) == 1 or abs(first["age"] - last["age"]) < 0.5:
        return f"Your music is {last['age']:.0f} years old"
    return (
        f"Your music grew {'older' if last['age'] > first['age'] else 'younger'}: {first['age']:.0f} years in "
        f"{first['year']}, {last['age']:.0f} in {last['year']}"
    )


def _diversity_title(rows: Rows) -> str:
    most = max(rows, key=lambda row: row["effective_artists"])
    artists = plural(round(most["effective_artists"]), "artist")
    if len(rows) == 1:
        return f"As diverse as {artists}"
    return f"Your year of most variety was {most['year']}: as diverse as {artists}"


def _sound_title(rows: Rows) -> str:
    means: dict[str, list[float]] = {}
    for row in rows:
        means.setdefault(row["feature"], []).append(row["amount"])
    spread = {name: values[-1] - values[0] for name, values in means.items()}
    name = max(spread, key=lambda one: abs(spread[one]))
    if len(rows) == len(means) or abs(spread[name]) < 0.02:
        return "Your sound hardly changed"
    return (
        f"{write_words(name).capitalize()} {'rose' if spread[name] > 0 else 'fell'} most, from "
        f"{write_share(means[name][0])} to {write_share(means[name][-1])}"
    )
