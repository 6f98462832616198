"""Random histories that several sources tell, judged by the transforms and by the rules written down naively."""

import random
from collections import Counter
from datetime import timedelta
from itertools import groupby

from spotify_assets import transforms
from spotify_assets.model.raw import ESTIMATED_FORMATS, SOURCE_RANKS
from spotify_assets.settings import load_settings
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.transforms.test_judge import listed, record

START = utc("2024-01-31 23:00:00")
LISTENERS = 150
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def true_plays(random_):
    """Plays of one evening: end, content and length. Few songs and skips, so that many resemble each other."""
    at, plays = START, []
    for _ in range(random_.randrange(4, 16)):
        ms = random_.choice([600, 5_000, 20_000, 60_000, 61_000, 180_000, 180_000, 1_000_000])
        at += timedelta(milliseconds=ms) + random_.choice([0, 0, 1, 40]) * SECOND
        plays.append((at.replace(microsecond=0), random_.randrange(5), ms))
    return plays


def told(random_, listener, name, source_format, plays):
    """A source's records of plays: with holes, cut ends, renamed songs, and clocks of their own."""
    first, last = sorted(random_.sample(range(len(plays) + 1), 2)) if random_.random() < 0.3 else (0, len(plays))
    holes, renamed = random_.choice([0, 0, 0.3]), random_.choice([0, 0, 0.3, 0.7])
    skew = random_.choice([0, 0, 3.9, -20]) if source_format == "recently_played" else 0
    rows = []
    for end, song, ms in plays[first:last]:
        if random_.random() < holes:
            continue
        is_renamed = random_.random() < renamed
        names = {"track_name": f"{'New ' * is_renamed}Song {song}", "artist_name": "Band"}
        if random_.random() < 0.05:
            names = {"track_name": None, "artist_name": None, "show_name": "Band", "episode_name": f"Song {song}"}
        row = names | {"ms_played": str(ms), "track_uri": None, "reported_at": end + skew * SECOND}
        if source_format in ("extended", "recently_played") and names["track_name"]:
            row["track_uri"] = f"spotify:track:{song:022d}"
        if source_format == "recently_played":
            is_start = random_.random() < 0.3
            row |= {"ms_played": str(random_.choice([ms, 200_000]))}
            row["reported_at"] -= is_start * timedelta(milliseconds=ms)
        if source_format == "account_data":
            row["reported_at"] = (end + random_.choice([0, 0, 1]) * MINUTE).replace(second=0)
        row["played_at"] = row["reported_at"]
        if random_.random() < 0.05:
            row["ms_played"] = random_.choice(["0", "-1"])
        rows += [row] * (2 if random_.random() < 0.1 else 1)
        if source_format == "extended" and random_.random() < 0.5:
            rows += _logged(random_, rows.pop(), timedelta(milliseconds=ms))
    file = f"history/{listener}/{name}.json"
    return [
        record(number, None, listener=listener, source_file=file, source_format=source_format) | row
        for number, row in enumerate(rows)
    ], listed(file, source_format, listener=listener, first="2020-01-01 00:00:00", last="2030-01-01 00:00:00")


def _logged(random_, row, length):
    """A record that knows when its play began, once or twice, reported in time or late."""
    for _ in range(random_.choice([1, 1, 2, 3])):
        delay = random_.choice([0, 0, 0, 3, 7_200, 86_400 * 20]) * SECOND
        logged = row | {"offline_at": row["played_at"] - length, "reported_at": row["reported_at"] + delay}
        yield logged | {"played_at": row["played_at"] if delay > MINUTE else logged["reported_at"]}


def naive_reasons(records):
    """Reason by file and row of one listener's records, in the order of precedence; None where a record is kept."""
    reasons = {}
    for one in records:
        ms = int(one["ms_played"])
        reasons[key(one)] = "bad_duration" if ms < 0 else "too_short" if ms < 500 else None
    for rank in sorted({rank_of(one) for one in records} - {1}):
        mark_superseded(records, rank, reasons)
    kept = [one for one in records if reasons[key(one)] is None]
    equal = {key(one): {key(one)} for one in kept}
    for one in kept:
        for other in kept:
            if is_repeated(one, other) and equal[key(one)] is not equal[key(other)]:
                equal[key(one)] |= equal[key(other)]
                for member in equal[key(one)]:
                    equal[member] = equal[key(one)]
    order = [key(one) for one in kept]
    return reasons | {one: "duplicate" for one in order if one != min(equal[one], key=order.index)}


def mark_superseded(records, rank, reasons):
    coarse = [one for one in records if rank_of(one) == rank]
    finer = [one for one in records if rank_of(one) < rank and reasons[key(one)] != "bad_duration"]
    pairs = [(one, other) for one in coarse for other in finer if agrees(one, other)]
    told_pairs = [(key(one), key(other)) for one, other in pairs if is_told(one, other)]
    is_coarse_told, tells = (
        {one for one, _ in told_pairs},
        {unit(other) for one, other in pairs if is_told(one, other)},
    )
    done = {unit(one) for one in coarse if key(one) in is_coarse_told}
    left = [
        (one, other)
        for one, other in pairs
        if reasons[key(one)] is None and unit(one) not in done and unit(other) not in tells
    ]
    taken = set()
    by_precedence = [key(one) for one in records]

    def in_order(pair):
        one, other = pair
        place = [one["reported_at"], names(one), by_precedence.index(key(one))]
        of_finer = [distance(*pair), other["reported_at"], names(other), by_precedence.index(key(other))]
        return ([of_finer[0]] if rank == 2 else []) + place + of_finer

    for one, other in sorted(left, key=in_order):
        if not {unit(one), unit(other)} & taken:
            taken |= {unit(one), unit(other)}
    for one in coarse:
        if reasons[key(one)] is None and unit(one) in done | taken:
            reasons[key(one)] = "superseded"


def key(one):
    return one["source_file"], one["source_row"]


def rank_of(one):
    return SOURCE_RANKS[one["source_format"]]


def names(one):
    whose, title = (
        (one["artist_name"], one["track_name"])
        if one["track_name"]
        else (one.get("show_name"), one.get("episode_name"))
    )
    return f"{whose}\x1f{title}".lower()


def content(one):
    return one["track_uri"] or names(one)


def length(one):
    return None if one["source_format"] in ESTIMATED_FORMATS else int(one["ms_played"])


def unit(one):
    return rank_of(one), one["reported_at"], one["track_uri"], names(one), length(one)


def minute(one):
    return one["reported_at"].replace(second=0)


def edges(one):
    """Start and end; each an interval of a whole minute, where that is all that is known."""
    width = 59.999999 * SECOND if one["source_format"] == "account_data" else 0 * SECOND
    end = one["reported_at"]
    starts = [end - timedelta(milliseconds=int(one["ms_played"]))] if int(one["ms_played"]) > 0 else []
    return [(edge, edge + width) for edge in [end, *starts]]


def distance(one, other):
    if rank_of(one) == 2:
        return {0: 0, -1: 1, 1: 2}[round((minute(other) - minute(one)) / MINUTE)]
    at = one["reported_at"]
    return min(max(first - at, at - last, 0 * SECOND) for first, last in edges(other))


def agrees(one, other):
    if rank_of(one) == 2:
        return abs(minute(other) - minute(one)) <= MINUTE
    return distance(one, other) <= MINUTE


def is_told(one, other):
    is_same_id = one["track_uri"] is not None and one["track_uri"] == other["track_uri"]
    is_same_length = length(one) is not None and length(one) == length(other)
    return is_same_id or names(one) == names(other) or is_same_length


def is_repeated(one, other):
    if content(one) != content(other) or length(one) != length(other):
        return False
    began = one.get("offline_at")
    return (
        one["reported_at"] == other["reported_at"]
        or one["played_at"] == other["played_at"]
        or (began is not None and began == other.get("offline_at"))
    )


def test_random_histories_of_several_sources_are_judged_by_the_rules(frame):
    random_ = random.Random(14)
    records, files = [], []
    for number in range(LISTENERS):
        listener = f"listener{number}"
        plays = true_plays(random_)
        kinds = random_.sample(["extended", "extended", "account_data", "account_data", "recently_played"], 3)
        sources = [told(random_, listener, f"{order}_{kind}", kind, plays) for order, kind in enumerate(sorted(kinds))]
        records += [one for rows, _ in sources for one in rows]
        files += [file for _, file in sources]
    raw_plays, raw_files = frame("raw_plays", records), frame("raw_files", files)
    settings = load_settings()
    found = {}
    for row in transforms.rejected_plays(raw_plays, raw_files, settings=settings).collect():
        found[key(row)] = row["reason"]
    for row in transforms.plays(raw_plays, raw_files, settings=settings).collect():
        assert key(row) not in found
        found[key(row)] = None
    in_precedence = sorted(records, key=lambda one: (one["listener"], rank_of(one), *key(one)))
    expected = {}
    for _, of_listener in groupby(in_precedence, key=lambda one: one["listener"]):
        expected |= naive_reasons(list(of_listener))
    wrong = {one: (found.get(one), expected[one]) for one in expected if found.get(one) != expected[one]}
    assert (len(found), wrong) == (len(records), {})
    assert min(Counter(expected.values()).values()) > 30
