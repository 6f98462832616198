"""File operations on a folder of this machine, or on a prefix of an S3 bucket."""

from spotify_assets.storage.aws import engine_environment, is_s3, spark_settings, storage_options
from spotify_assets.storage.base import OutsideStorageError, Storage, StorageError, StoredFile, is_text
from spotify_assets.storage.bucket import Bucket
from spotify_assets.storage.folder import Folder
from spotify_assets.storage.plain_paths import plain_path, private_folder

__all__ = [
    "Bucket",
    "Folder",
    "OutsideStorageError",
    "Storage",
    "StorageError",
    "StoredFile",
    "engine_environment",
    "is_s3",
    "is_text",
    "plain_path",
    "private_folder",
    "spark_settings",
    "storage_at",
    "storage_options",
]


def storage_at(uri: str) -> Storage:
    """The storage at a folder's path, or at `s3://bucket/prefix`."""
    return Bucket(uri) if is_s3(uri) else Folder(uri)
