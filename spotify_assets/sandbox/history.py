"""A deterministic generator of believable listening history.

Calibrated on published exports: about nine plays a track id with a heavy tail, a median of some 140 s played,
7 in 10 plays of 30 s or more, half of them played to the end, 3 % under half a second, 1 % repeated records.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute

BASE62 = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
DAY_SECONDS = 24 * 60 * 60
# Names are made by blocks of tracks.
BLOCK, TRACKS_BY_ARTIST = 400, 4

# Relative listening by local hour, from midnight; commuting and evenings stand out.
HOURS = np.array([4, 2, 1, 1, 1, 2, 5, 9, 10, 8, 7, 7, 8, 8, 8, 9, 11, 12, 11, 10, 10, 11, 10, 7], float)
WEEKDAYS = np.array([1.0, 1.0, 1.02, 1.05, 1.15, 0.95, 0.85])  # from Monday
MONTHS = np.array([1.05, 0.95, 1.0, 0.97, 1.0, 0.95, 0.8, 0.85, 1.0, 1.05, 1.1, 1.2])

FIRST = (
    "Velvet Golden Silent Electric Paper Crystal Northern Hollow Midnight Lunar Wild Broken Neon Amber Distant "
    "Quiet Scarlet Frozen Secret Burning Tender Plastic Holy Blue Crimson Little Grand Lost Young Modern"
).split()
SECOND = (
    "Harbour Tigers Avenue Machine Echo Garden Parade Sisters Theory Wolves Cinema Rivers Ghosts Signal Motel "
    "Horizon Cathedral Bloom Satellites Orchard Kings Mirage Lanterns Society Fever Union Arcade Winters Choir Sons"
).split()
SONG = (
    "Love Night Fire Dance Home Summer Heart Dream Rain Light Road Sky River Gold Smoke Mirror Ocean City Time "
    "Shadow Morning Paradise Gravity Honey Thunder Silver Storm Letter Island Garden"
).split()
SONG_FORM = ("{a}", "{a} & {b}", "{a} in the {b}", "My {a}", "{a} ({b} Version)", "No {a}", "{b} of {a}", "Før {a}")
SHOWS = ("The Long Commute", "Data & Coffee", "Mörkt och märkligt", "Half a Mystery", "Slow News", "Kitchen Table")

OLD_PLATFORMS = (
    "Android OS 9 API 28 (samsung, SM-G960F)",
    "iOS 13.3.1 (iPhone11,8)",
    "Windows 10 (10.0.19041; x64; AppX)",
    "OS X 10.15.7 [x86 8]",
    "WebPlayer (websocket RFC6455)",
    "Partner google cast_tv;Chromecast;;tpapi",
)
PLATFORMS = ("android", "ios", "windows", "osx", "web_player windows 10;chrome 120.0.0.0;desktop", "cast")


@dataclass(frozen=True)
class Listening:
    """How somebody listens.

    Attributes:
        plays: Records to make, the repeated ones included.
        first: The day on which it begins (UTC).
        last: The day before which it ends (UTC).
        seed: The same seed gives the same records.
        platform_weights: How often each of the six platforms is used.
        podcast_share: Share of sessions that are podcasts.
        skip_share: Share of plays that are skipped.
    """

    plays: int
    first: datetime
    last: datetime
    seed: int = 1
    platform_weights: tuple[float, ...] = (0.62, 0.05, 0.16, 0.08, 0.05, 0.04)
    podcast_share: float = 0.07
    skip_share: float = 0.3


def extended_history(listening: Listening) -> pa.Table:
    """Records of an extended streaming history, in order of time, with the 23 keys of today's exports.

    Grain: one row per record. `ts` ends in Z, as exported; booleans are booleans and `ms_played` a bigint.
    """
    rng = np.random.default_rng(listening.seed)
    unique = max(1, round(listening.plays / 1.009))
    session, starts = _sessions(rng, listening, unique)
    is_podcast = (rng.random(len(starts)) < listening.podcast_share)[session]

    tracks = max(20, min(unique // 9, 500_000))
    track = _heavy_tailed(rng, tracks, unique)
    length = track_lengths(tracks)[track]
    length[is_podcast] = np.exp(rng.normal(np.log(2_000_000), 0.5, int(is_podcast.sum()))).astype(np.int64)

    outcome = rng.random(unique)
    skipped = outcome < listening.skip_share
    tiny = outcome > 0.972
    done = ~skipped & ~tiny & (outcome < 0.9)
    share = rng.random(unique)
    ms = np.where(done, length, (length * share).astype(np.int64))
    ms = np.where(skipped, np.minimum(length, 600 + rng.exponential(34_000, unique).astype(np.int64)), ms)
    ms = np.where(tiny, rng.integers(0, 500, unique), ms)

    elapsed = np.cumsum(ms // 1000 + rng.integers(0, 3, unique))
    first_of = np.flatnonzero(np.r_[True, session[1:] != session[:-1]])
    before = np.where(first_of > 0, elapsed[first_of - 1], 0)
    ends = starts[session] + elapsed - before[np.cumsum(np.r_[False, session[1:] != session[:-1]])]
    ends = np.minimum(ends, int(listening.last.timestamp()) - 1)

    repeated = rng.integers(0, unique, listening.plays - unique)
    row = np.concatenate([np.arange(unique), repeated])
    row = row[np.argsort(ends[row], kind="stable")]
    columns = _columns(rng, listening, session, track, tracks, is_podcast, ends, ms, skipped, done)
    return pa.table({name: column.take(pa.array(row)) for name, column in columns.items()})


def _sessions(rng: np.random.Generator, listening: Listening, plays: int) -> tuple[np.ndarray, np.ndarray]:
    """The session of every play, and when (seconds since 1970, UTC) every session starts."""
    first = int(listening.first.timestamp()) // DAY_SECONDS
    last = int(listening.last.timestamp()) // DAY_SECONDS
    days = np.arange(first, last)
    months = (days.astype("datetime64[D]").astype("datetime64[M]").astype(int)) % 12
    weight = WEEKDAYS[(days + 3) % 7] * MONTHS[months] * np.exp(rng.normal(0, 0.5, len(days)))
    lengths = rng.geometric(1 / 12, size=max(1, plays // 12 + 10))
    while lengths.sum() < plays:
        lengths = np.concatenate([lengths, rng.geometric(1 / 12, size=plays // 12 + 10)])
    count = int(np.searchsorted(np.cumsum(lengths), plays) + 1)
    session = np.repeat(np.arange(count), lengths[:count])[:plays]
    day = rng.choice(days, size=count, p=weight / weight.sum())
    hour = rng.choice(24, size=count, p=HOURS / HOURS.sum())
    return session, np.sort(day * DAY_SECONDS + hour * 3600 + rng.integers(0, 3600, count))


def _heavy_tailed(rng: np.random.Generator, things: int, draws: int) -> np.ndarray:
    """Draws of things, of which the n-th is drawn in proportion to n to the power of -0.75."""
    weight = np.cumsum(np.arange(1, things + 1) ** -0.75)
    return np.searchsorted(weight, rng.random(draws) * weight[-1])


def spotify_ids(count: int, seed: int) -> np.ndarray:
    """Ids of 22 characters in base 62, as Spotify's."""
    letters = BASE62[np.random.default_rng(seed).integers(0, 62, (count, 22))]
    return letters.view("<U22").reshape(-1)


def track_names(tracks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Track, artist and album name of every track; an artist has about four tracks on two albums.

    The n-th has the same names whatever their number, as its id has.
    """
    blocks = range(-(-tracks // BLOCK))
    numbers = np.arange(len(blocks) * BLOCK // TRACKS_BY_ARTIST)
    of_artist = np.array(
        [f"{FIRST[n % 30]} {SECOND[(n // 30) % 30]}" + (f" {n // 900 + 1}" if n >= 900 else "") for n in numbers],
        dtype=object,
    )
    titles = np.array([form.format(a=a, b=b) for form in SONG_FORM for a in SONG for b in SONG if a != b], object)
    rngs = [np.random.default_rng((7, block)) for block in blocks]
    by_block = [
        rng.permutation(np.resize(part, BLOCK)) for rng, part in zip(rngs, np.split(numbers, len(blocks)), strict=True)
    ]
    artist = np.concatenate(by_block)[:tracks]
    title = titles[np.concatenate([rng.integers(0, len(titles), BLOCK) for rng in rngs])[:tracks]]
    side = np.concatenate([rng.integers(0, 2, BLOCK) for rng in rngs])[:tracks]
    album = np.array([f"{FIRST[(a + n) % 30]} {SONG[(a * 7 + n) % 30]}" for a, n in
                      zip(artist, side, strict=True)], object)  # fmt: skip
    return title, of_artist[artist], album


def track_lengths(tracks: int) -> np.ndarray:
    """Length (ms) of every track; the n-th has the same whatever their number."""
    return np.exp(np.random.default_rng(17).normal(np.log(212_000), 0.28, tracks)).astype(np.int64)


def _columns(
    rng: np.random.Generator,
    listening: Listening,
    session: np.ndarray,
    track: np.ndarray,
    tracks: int,
    is_podcast: np.ndarray,
    ends: np.ndarray,
    ms: np.ndarray,
    skipped: np.ndarray,
    done: np.ndarray,
) -> dict[str, pa.Array]:
    """The keys of an extended export, one value a play."""
    plays = len(session)
    title, artist, album = track_names(tracks)
    nameless = rng.random(plays) < 0.001
    no_track = pa.array(is_podcast | nameless)

    def of_track(values: np.ndarray) -> pa.Array:
        picked = pa.array(values, pa.string()).take(pa.array(track))
        return pa.compute.if_else(no_track, pa.scalar(None, pa.string()), picked)

    def of_episode(values: np.ndarray) -> pa.Array:
        picked = pa.array(values, pa.string()).take(pa.array(track % len(values)))
        return pa.compute.if_else(pa.array(is_podcast), picked, pa.scalar(None, pa.string()))

    episodes = np.array([f"#{n + 1} {SONG[n % 30]} and {SONG[(n * 7 + 3) % 30].lower()}" for n in range(400)], object)
    shows = np.array([SHOWS[n % len(SHOWS)] for n in range(400)], object)

    start_of_new_names = int(datetime(2022, 1, 1, tzinfo=UTC).timestamp())
    weights = np.array(listening.platform_weights)
    device = rng.choice(len(weights), size=session[-1] + 1, p=weights / weights.sum())[session]
    platforms = pa.array([*OLD_PLATFORMS, *PLATFORMS]).take(
        pa.array(np.where(ends < start_of_new_names, device, device + len(OLD_PLATFORMS)))
    )
    other = rng.choice(np.array(["endplay", "logout", "remote", "unexpected-exit", "backbtn"], object), plays)
    reason_end = np.where(done, "trackdone", np.where(skipped, "fwdbtn", other))
    picked = rng.choice(np.array(["clickrow", "playbtn", "appload", "remote"], object), plays)
    new_session = np.r_[True, session[1:] != session[:-1]]
    reason_start = np.where(new_session, picked, np.where(np.roll(done, 1), "trackdone", "fwdbtn"))

    shuffle = (rng.random(session[-1] + 1) < 0.55)[session]
    offline = rng.random(plays) < 0.04
    unsaid = rng.random(plays) < 0.02
    null = pa.scalar(None, pa.string())
    nothing = pa.nulls(plays, pa.string())
    return {
        "ts": pa.compute.strftime(
            pa.array(ends * 1_000_000, pa.timestamp("us")).cast(pa.timestamp("s")), "%Y-%m-%dT%H:%M:%SZ"
        ),
        "platform": platforms,
        "ms_played": pa.array(ms, pa.int64()),
        "conn_country": pa.array(np.where(rng.random(plays) < 0.97, "SE", "DE").astype(object), pa.string()),
        "ip_addr": pa.array(["203.0.113.7"]).take(pa.array(np.zeros(plays, int))),
        "master_metadata_track_name": of_track(title),
        "master_metadata_album_artist_name": of_track(artist),
        "master_metadata_album_album_name": of_track(album),
        "spotify_track_uri": pa.compute.binary_join_element_wise(
            "spotify:track", of_track(spotify_ids(tracks, 11)), ":"
        ),
        "episode_name": of_episode(episodes),
        "episode_show_name": of_episode(shows),
        "spotify_episode_uri": pa.compute.binary_join_element_wise(
            "spotify:episode", of_episode(spotify_ids(400, 13)), ":"
        ),
        "audiobook_title": nothing,
        "audiobook_uri": nothing,
        "audiobook_chapter_uri": nothing,
        "audiobook_chapter_title": nothing,
        "reason_start": pa.compute.if_else(
            pa.array(rng.random(plays) < 0.001), null, pa.array(reason_start.astype(object), pa.string())
        ),
        "reason_end": pa.array(reason_end.astype(object), pa.string()),
        "shuffle": pa.array(shuffle),
        "skipped": pa.compute.if_else(pa.array(unsaid), pa.scalar(None, pa.bool_()), pa.array(skipped)),
        "offline": pa.array(offline),
        "offline_timestamp": pa.compute.if_else(
            pa.array(offline), pa.array(ends - ms // 1000, pa.int64()), pa.scalar(None, pa.int64())
        ),
        "incognito_mode": pa.array(rng.random(plays) < 0.01),
    }
