"""Search: artists, albums, tracks, shows and playlists by the beginning of a word, whatever the accents."""

import unicodedata

from spotify_assets.dashboard.blocks import Block, Column, Page, View
from spotify_assets.dashboard.formats import plural
from spotify_assets.dashboard.queries import ResultRow

LIMIT = 60
MAX_LENGTH = 200
# Accents and case are folded on both sides; a match is where a word begins.
MATCHES = (
    "(strip_accents(lower({name})) LIKE $prefix ESCAPE '!' OR strip_accents(lower({name})) LIKE $word ESCAPE '!')"
)
SEARCH = f"""
    SELECT * FROM (
        SELECT 'artist' AS kind, artist_name AS name, '' AS artist, total_plays AS plays, total_ms_played AS ms_played,
            artist_key::VARCHAR AS key, image_url
        FROM artist_metrics JOIN dim_artist USING (artist_key, artist_name)
        WHERE listener = $listener AND {MATCHES.format(name="artist_name")}
        UNION ALL
        SELECT 'album', m.album_name, m.artist_name, total_plays, total_ms_played, m.album_key::VARCHAR, image_url
        FROM album_metrics m JOIN dim_album d ON d.album_key = m.album_key
        WHERE listener = $listener AND {MATCHES.format(name="m.album_name")}
        UNION ALL
        SELECT 'track', m.track_name, m.artist_name, total_plays, total_ms_played, m.recording_key::VARCHAR, image_url
        FROM track_metrics m JOIN dim_track USING (track_key)
        WHERE listener = $listener AND {MATCHES.format(name="m.track_name")}
        UNION ALL
        SELECT 'show', show_name, '', plays, ms_played, show_key::VARCHAR, NULL
        FROM show_metrics WHERE listener = $listener AND {MATCHES.format(name="show_name")}
        UNION ALL
        SELECT 'playlist', playlist_name, '', NULL, NULL, playlist_key::VARCHAR, image_url
        FROM dim_playlist WHERE is_current AND playlist_key NOT IN (-1, -2) AND {MATCHES.format(name="playlist_name")}
    )
    ORDER BY ms_played DESC NULLS FIRST, name, key
    LIMIT {LIMIT}
"""


def search_page(view: View) -> Page:
    """What matches, most listening time first; playlists on top."""
    wanted = view.asked.get("q", "").strip()[:MAX_LENGTH]
    folded = fold(wanted)
    escaped = folded.replace("!", "!!").replace("%", "!%").replace("_", "!_")

    def address(row: ResultRow) -> str:
        return view.to(f"/{row['kind']}/{row['key']}")

    block = Block(
        "results",
        view.query(SEARCH, prefix=f"{escaped}%", word=f"% {escaped}%"),
        lambda rows: f"{plural(len(rows), 'match')[:-1] + 'es' if len(rows) != 1 else '1 match'} for “{wanted}”",
        [
            Column("name", "Name", link=address),
            Column("kind", "What"),
            Column("artist", "Artist"),
            Column("plays", "Plays", "count"),
            Column("ms_played", "Time", "hours"),
        ],
        note="Words that begin so, without regard to accents; all time.",
        empty="Nothing that you heard begins like that.",
        shown=LIMIT,
        pictures=True,
    )
    lead = "" if wanted else "Type the beginning of a name above."
    return Page("Search", [block] if wanted else [], lead=lead, search=wanted, has_period=False)


def fold(text: str) -> str:
    """Lower case without accents, as `strip_accents(lower(...))` of DuckDB."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return unicodedata.normalize("NFC", "".join(one for one in decomposed if unicodedata.category(one) != "Mn"))
