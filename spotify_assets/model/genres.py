"""Families of genres, and the rules that tell the family of a genre by its name.

The rules are `genre_rules.csv` beside this module, one a line, with the columns:

- `words`: one or more words of a genre's name, as `normalize_genre` of `transforms.genres` writes names: lower case,
  without accents and apostrophes, a blank for every other sign, `and` for `&`. With `*` in front it is the end of a
  word (`*core`), with `*` behind its beginning (`afro*`).
- `place`: what it means that they occur, one of `RULE_PLACES`.
- `genre_family`: one of `GENRE_FAMILIES`, not `other`.

English names of genres are noun phrases: `folk metal` is metal, and `metal` is what stands last. So of the rules that
apply to a name the one counts whose place comes first in `RULE_PLACES`; of those the one that ends last in the name,
and of those the longest: `indie pop` before `pop`.
"""

import csv
from pathlib import Path

OTHER_FAMILY = "other"
GENRE_FAMILIES = {
    "pop": "Pop of Europe, North America and Oceania; also schlager, chanson, synthpop",
    "rock": "Rock and roll and what came of it: classic, hard, progressive, psychedelic rock; surf, rockabilly",
    "indie": "Indie and alternative: indie pop and rock, dream pop, shoegaze, grunge, britpop, new wave, post-punk",
    "punk": "Punk, hardcore, emo, screamo",
    "metal": "Metal of all kinds, metalcore, grindcore",
    "hip_hop": "Hip hop, rap, trap, drill, grime, phonk, in all languages",
    "rnb_soul": "R&B, soul, motown, doo-wop, new jack swing",
    "funk_disco": "Funk, disco, boogie, go-go",
    "electronic": "Electronic music to listen to: electronica, downtempo, trip hop, synthwave, chiptune, industrial",
    "dance": "Electronic music to dance to: house, techno, trance, dubstep, drum and bass, garage, hardstyle",
    "ambient": "Ambient, new age, meditation, sleep, lo-fi beats, sounds of nature",
    "experimental": "Noise, avant-garde, improvisation, sound art",
    "jazz": "Jazz, swing, big bands, ragtime",
    "blues": "Blues",
    "classical": "Classical music of all eras, opera, choirs, orchestras, their instruments, wind bands",
    "soundtrack": "Music of films, television, games and musicals",
    "folk": "Folk, singer-songwriters, Celtic and acoustic music",
    "country": "Country, bluegrass, americana",
    "christian": "Christian music of all styles: gospel, worship, Christian rock",
    "reggae": "Reggae, ska, dub, dancehall, and other music of the English-speaking Caribbean: soca, calypso",
    "latin": "Latin America: reggaeton, salsa, cumbia, regional Mexican, tango, sertanejo, samba, Brazilian funk",
    "african": "Popular music of Africa and of what it left elsewhere: afrobeats, amapiano, highlife, kizomba, zouk",
    "asian": "Popular and classical music of East, South-East and South Asia: K-pop, J-pop, Mandopop, OPM, Bollywood",
    "world": "Regional and traditional music without a family of its own: Arabic, Turkish, Balkan, fado, polka",
    "easy_listening": "Easy listening, lounge, standards, Christmas music",
    "children": "Music and stories for children",
    "spoken": "Comedy, spoken word, audiobooks, radio drama, ASMR",
    OTHER_FAMILY: "No rule knows the genre",
}

# How people write the families within a sentence, where that isn't the name with blanks.
LABELS = {
    "rnb_soul": "R&B and soul",
    "funk_disco": "funk and disco",
    "electronic": "electronic music",
    "dance": "dance music",
    "ambient": "ambient music",
    "experimental": "experimental music",
    "classical": "classical music",
    "soundtrack": "soundtracks",
    "christian": "Christian music",
    "latin": "Latin music",
    "african": "African music",
    "asian": "Asian music",
    "world": "world music",
    "children": "children's music",
    "spoken": "spoken word",
    OTHER_FAMILY: "other genres",
}

# From the strongest to the weakest: `anywhere` decides whatever else is in the name (`christian` rock), `head` is what
# a name may end with, `hint` counts where there is neither (`thai`, `piano`).
RULE_PLACES = ("anywhere", "head", "hint")


def genre_label(family: str) -> str:
    """A family of genres as people write it within a sentence: `hip hop`, `R&B and soul`, `Latin music`."""
    return LABELS.get(family, family.replace("_", " "))


def read_genre_rules() -> tuple[tuple[str, str, str], ...]:
    """Words, place and family of each rule."""
    with (Path(__file__).parent / "genre_rules.csv").open(encoding="utf-8", newline="") as file:
        return tuple((row["words"], row["place"], row["genre_family"]) for row in csv.DictReader(file))


GENRE_RULES = read_genre_rules()
