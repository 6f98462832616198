"""Files of fitted models, beside the lake's tables: `<lake>/_models/<name>/<version>.joblib`.

They are for people: nothing here reads them. A joblib file is a pickle, which runs code when it is loaded, so load
none that somebody else could have written.
"""

import io
from typing import Any

from spotify_assets.storage import storage_at

MODELS = "_models"
SUFFIX = ".joblib"
# Versions of a model that are kept, the latest ones.
MAX_VERSIONS = 5


def model_path(name: str, version: str) -> str:
    """Path of a model's file below the lake."""
    return f"{MODELS}/{name}/{version}{SUFFIX}"


def save_model(lake_uri: str, name: str, version: str, model: Any) -> str:
    """Write a model's file, and remove those of its oldest versions; a file that is there already stays as it is.

    Args:
        lake_uri: The lake: a folder's path, or `s3://bucket/prefix`.
        name: Name of the model.
        version: Its version.
        model: Whatever joblib can write.

    Returns:
        URI of the file.
    """
    import joblib

    storage = storage_at(lake_uri)
    path = model_path(name, version)
    present = list(storage.files(f"{MODELS}/{name}"))
    others = [file for file in present if file.path != path]
    if len(others) == len(present):
        content = io.BytesIO()
        joblib.dump(model, content, compress=3)
        storage.write(path, content.getvalue())
    latest_first = sorted(others, key=lambda file: (file.modified_at, file.path), reverse=True)
    storage.remove(file.path for file in latest_first[MAX_VERSIONS - 1 :])
    return f"{lake_uri}/{path}"


def remove_models(lake_uri: str, name: str) -> int:
    """Remove all files of a model; return their number."""
    storage = storage_at(lake_uri)
    return storage.remove([file.path for file in storage.files(f"{MODELS}/{name}")])
