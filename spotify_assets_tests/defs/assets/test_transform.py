from spotify_assets import transforms
from spotify_assets.defs.assets import transform


def test_it_has_the_transforms():
    assert transform.transforms.fct_plays is transforms.fct_plays
