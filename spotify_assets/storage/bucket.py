"""A prefix of an S3 bucket, on AWS or a compatible server."""

import io
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast
from uuid import uuid4

from spotify_assets.retry import AWS, retry
from spotify_assets.storage.aws import NO_CREDENTIALS, s3_client
from spotify_assets.storage.base import File, Opener, StorageError, StoredFile

# `fetch` downloads at most so many objects, of so many bytes in total, ahead of their use.
AHEAD = 8
AHEAD_BYTES = 64 << 20
# Larger objects are downloaded to a temporary file.
IN_MEMORY_BYTES = 8 << 20
# Objects can't be appended to: lines are buffered until there are so many, or for so long (seconds).
LINES_AN_OBJECT = 25
LINES_WAIT = 5.0
DELETED_AT_ONCE = 1000
MISSING = ("NoSuchKey", "404", "NoSuchVersion")
# Largest object of a single PUT, and size of the parts of larger ones (bytes).
PUT_BYTES = 5 << 30
PART_BYTES = 64 << 20


@dataclass(frozen=True)
class Bucket:
    """Objects below `s3://bucket/prefix`."""

    uri: str

    @property
    def name(self) -> str:
        """Name of the bucket."""
        return self.uri.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """Prefix of all keys: empty, or ending with a slash."""
        below = self.uri.removeprefix("s3://").partition("/")[2].strip("/")
        return f"{below}/" if below else ""

    @property
    def client(self) -> Any:
        """The client for S3; see `s3_client`."""
        return s3_client()

    def check(self) -> None:
        """Check that the bucket can be listed; raises StorageError."""
        with self._translate_errors():
            self.client.list_objects_v2(Bucket=self.name, Prefix=self.prefix, MaxKeys=1)

    def is_there(self) -> bool:
        return True  # listing one that isn't raises StorageError

    def files(self, folder: str = "") -> Iterator[StoredFile]:
        below = f"{self.prefix}{folder}/" if folder else self.prefix
        with self._translate_errors():
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=below):
                for item in page.get("Contents", []):
                    # AWS's console creates objects that end with a slash as empty folders.
                    if not item["Key"].endswith("/"):
                        yield StoredFile(
                            item["Key"].removeprefix(self.prefix),
                            item["Size"],
                            item["LastModified"],
                            item["ETag"].strip('"'),
                        )

    def fetch(self, files: Iterable[File]) -> Iterator[tuple[File, Opener]]:
        """See `Storage.fetch`. Objects are downloaded ahead, several at once."""
        ahead: deque[tuple[File, Future[_Content]]] = deque()
        with ThreadPoolExecutor(AHEAD) as pool, tempfile.TemporaryDirectory() as folder:
            coming = iter(files)
            is_last = False
            while ahead or not is_last:
                while not is_last and len(ahead) < AHEAD and sum(one.size for one, _ in ahead) < AHEAD_BYTES:
                    file = next(coming, None)
                    if file is None:
                        is_last = True
                    else:
                        ahead.append((file, pool.submit(self._download, file.path, file.size, folder)))
                if not ahead:
                    return
                file, download = ahead.popleft()
                yield file, partial(_open_downloaded, download)
                if not download.exception():
                    download.result().delete()

    def _download(self, path: str, size: int, folder: str) -> "_Content":
        """Download an object to memory, or to a file in `folder` if it is larger than `IN_MEMORY_BYTES`."""
        if size <= IN_MEMORY_BYTES:
            return _Content(self.read(path))
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as target, self._translate_errors(path):
            self.client.download_fileobj(self.name, self.prefix + path, target)
        return _Content(Path(target.name))

    def download(self, path: str, target: Path, size: int) -> None:
        """Download an object of this size (bytes) to a file, atomically. Raises the same errors as `open`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{uuid4().hex[:8]}")
        try:
            if size <= IN_MEMORY_BYTES:
                part.write_bytes(self.read(path))
            else:
                with part.open("wb") as stream, self._translate_errors(path):
                    self.client.download_fileobj(self.name, self.prefix + path, stream)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def read(self, path: str) -> bytes:
        """The content of an object. Raises the same errors as `open`."""
        from botocore.exceptions import BotoCoreError

        def get() -> bytes:
            answer = self.client.get_object(Bucket=self.name, Key=self.prefix + path)
            try:
                content: bytes = answer["Body"].read()
            except BotoCoreError as error:  # the connection broke: boto3 doesn't retry within an answer
                raise StorageError(f"{self.uri}: {error}") from None
            return content

        with self._translate_errors(path):
            return retry(get, AWS, StorageError)

    def open(self, path: str) -> BinaryIO:
        stream = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115  (the caller closes it)
        with self._translate_errors(path):
            self.client.download_fileobj(self.name, self.prefix + path, stream)
        stream.seek(0)
        return cast(BinaryIO, stream)

    def write(self, path: str, content: bytes) -> None:
        with self._translate_errors(path):
            self.client.put_object(Bucket=self.name, Key=self.prefix + path, Body=content)

    def upload(self, source: Path, path: str) -> None:
        if source.stat().st_size <= IN_MEMORY_BYTES:
            # boto3's `upload_file` starts threads for each file.
            self.write(path, source.read_bytes())
            return
        with self._translate_errors(path):
            self.client.upload_file(str(source), self.name, self.prefix + path)

    def create(self, source: Path, path: str) -> None:
        """See `Storage.create`. boto3's `upload_file` has no conditional writes."""
        create = self._create_whole if source.stat().st_size <= PUT_BYTES else self._create_in_parts
        with self._translate_errors(path):
            retry(lambda: create(source, self.prefix + path), AWS, _is_put_conflict)

    def _create_whole(self, source: Path, key: str) -> None:
        with source.open("rb") as stream:
            self.client.put_object(Bucket=self.name, Key=key, Body=stream, IfNoneMatch="*")

    def _create_in_parts(self, source: Path, key: str) -> None:
        from botocore.exceptions import ClientError

        upload = {
            "Bucket": self.name,
            "Key": key,
            "UploadId": self.client.create_multipart_upload(Bucket=self.name, Key=key)["UploadId"],
        }
        parts: list[dict[str, Any]] = []
        try:
            with source.open("rb") as stream:
                while block := stream.read(PART_BYTES):
                    number = len(parts) + 1
                    answer = self.client.upload_part(**upload, PartNumber=number, Body=block)
                    parts.append({"PartNumber": number, "ETag": answer["ETag"]})
            self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
        except BaseException:
            with suppress(ClientError):
                self.client.abort_multipart_upload(**upload)
            raise

    @contextmanager
    def lines(self, path: str) -> Iterator[Callable[[str], None]]:
        """See `Storage.lines`. A process that is killed loses the buffered lines of the last seconds."""
        target = PurePosixPath(path)
        waiting: list[str] = []
        since = time.monotonic()
        written = 0

        def flush() -> None:
            nonlocal written, since
            if waiting:
                written += 1
                part = target.with_name(f"{target.stem}-{written:04d}{target.suffix}")
                self.write(str(part), "".join(waiting).encode("utf-8", "replace"))
                waiting.clear()
            since = time.monotonic()

        def add(line: str) -> None:
            waiting.append(line)
            if len(waiting) >= LINES_AN_OBJECT or time.monotonic() - since > LINES_WAIT:
                flush()

        try:
            yield add
        finally:
            flush()

    def remove(self, paths: Iterable[str]) -> int:
        keys = {self.prefix + path for path in paths}
        if not keys:
            return 0
        if not self._is_versioned():
            self._delete([{"Key": key} for key in sorted(keys)])
            return len(keys)
        self._delete([one for one in self._versions(lambda _: True) if one["Key"] in keys])
        return len(keys)

    def remove_empty_folders(self, prefix: str) -> bool:
        return False

    def remove_old_versions(self) -> int:
        if not self._is_versioned():
            return 0
        old = list(self._versions(lambda version: not version["IsLatest"] or "Size" not in version))
        self._delete(old)
        return len(old)

    def _is_versioned(self) -> bool:
        from botocore.exceptions import ClientError

        with self._translate_errors():
            try:
                return "Status" in self.client.get_bucket_versioning(Bucket=self.name)
            except ClientError as error:
                if error.response["Error"].get("Code") == "NotImplemented":  # of some compatible servers
                    return False
                raise

    def _versions(self, wanted: Callable[[Any], bool]) -> Iterator[dict[str, str]]:
        """Object versions and delete markers below the prefix."""
        with self._translate_errors():
            for page in self.client.get_paginator("list_object_versions").paginate(
                Bucket=self.name, Prefix=self.prefix
            ):
                for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    if wanted(version):
                        yield {"Key": version["Key"], "VersionId": version["VersionId"]}

    def _delete(self, objects: list[dict[str, str]]) -> None:
        for first in range(0, len(objects), DELETED_AT_ONCE):
            batch = objects[first : first + DELETED_AT_ONCE]
            with self._translate_errors():
                answer = self.client.delete_objects(Bucket=self.name, Delete={"Objects": batch, "Quiet": True})
            if failed := answer.get("Errors"):
                raise StorageError(
                    f"s3://{self.name}/{failed[0].get('Key')}: can't be deleted: {failed[0].get('Message')}"
                )

    @contextmanager
    def _translate_errors(self, path: str | None = None) -> Iterator[None]:
        """Translate errors of S3 to one line: about the object `path` to an OSError, all others to a StorageError."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

        try:
            yield
        except (NoCredentialsError, PartialCredentialsError):
            raise StorageError(NO_CREDENTIALS.format(uri=self.uri)) from None
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            message = error.response.get("Error", {}).get("Message") or code
            if path is not None and code in MISSING:
                raise FileNotFoundError(path) from None
            if path is not None and code in ("PreconditionFailed", "412"):
                raise FileExistsError(17, "it exists", path) from None
            if path is not None and code in ("AccessDenied", "403"):
                raise PermissionError(13, "permission denied", path) from None
            if path is not None and code == "InvalidObjectState":
                raise PermissionError(13, "it is archived; restore it from S3 Glacier first", path) from None
            if code in ("NoSuchBucket", "404"):
                raise StorageError(f"{self.uri}: there is no bucket {self.name}; make it, or name another") from None
            if code in ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"):
                raise StorageError(f"{self.uri}: S3 refused access ({code}: {message})") from None
            raise StorageError(f"{self.uri}: S3 answered {code}: {message}") from None
        except (BotoCoreError, Boto3Error) as error:
            raise StorageError(f"{self.uri}: {error}") from None


@dataclass(frozen=True)
class _Content:
    """A downloaded object: its bytes, or the temporary file that holds them."""

    content: bytes | Path

    def open(self) -> BinaryIO:
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")

    def delete(self) -> None:
        if isinstance(self.content, Path):
            self.content.unlink(missing_ok=True)


def _open_downloaded(download: "Future[_Content]") -> BinaryIO:
    return download.result().open()


def _is_put_conflict(error: Exception) -> bool:
    """Whether S3 refused a conditional write because another one of the same key was under way."""
    answer: dict[str, Any] = getattr(error, "response", None) or {}
    return answer.get("Error", {}).get("Code") in ("ConditionalRequestConflict", "409")
