"""SQS queue of a bucket's event notifications: what landed, without listing the bucket.

Format of the messages: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from spotify_assets.landing.zone import HISTORY, is_history
from spotify_assets.storage import Bucket, StorageError
from spotify_assets.storage.aws import sqs_client

# Most messages per SQS request.
BATCH = 10
# Visibility timeout (seconds): a message that isn't deleted within it is delivered again.
HIDDEN_FOR = 300
# Most messages that are searched for those about a listener.
MAX_SEARCHED = 100_000


@dataclass(frozen=True)
class Message:
    """A message: its receipt handle, and its events as UTC time and path below the landing zone.

    Test events, and messages about other objects, have no events.
    """

    receipt: str
    events: tuple[tuple[datetime, str], ...]

    def has_history_since(self, moment: datetime | None) -> bool:
        """Whether an event is about a file of listening history, at or after `moment` (at any time if None)."""
        return any(is_history(path) and (moment is None or at >= moment) for at, path in self.events)


@dataclass(frozen=True)
class LandingQueue:
    """The queue, and the bucket and prefix of the landing zone."""

    url: str
    landing: Bucket

    def receive(self, limit: int) -> Iterator[Message]:
        """Receive up to about `limit` waiting messages. Other consumers don't get them for `HIDDEN_FOR` seconds.

        Raises:
            StorageError: The queue can't be read.
        """
        for _ in range(0, limit, BATCH):
            with self._translate_errors():
                answer = sqs_client(self.url).receive_message(
                    QueueUrl=self.url, MaxNumberOfMessages=BATCH, VisibilityTimeout=HIDDEN_FOR, WaitTimeSeconds=0
                )
            if not answer.get("Messages"):
                return
            for message in answer["Messages"]:
                yield Message(message["ReceiptHandle"], tuple(self._events(message.get("Body", ""))))

    def forget(self, listener: str) -> None:
        """Delete waiting messages about a listener's files, and make the others available again.

        Raises:
            StorageError: The queue can't be reached.
        """
        folder = f"{HISTORY}/{listener}/"
        theirs: list[str] = []
        others: list[str] = []
        for message in self.receive(MAX_SEARCHED):
            names_them = any(path.startswith(folder) for _, path in message.events)
            (theirs if names_them else others).append(message.receipt)
        self.delete(theirs)
        for batch in _entries_of_requests(others):
            entries = [{**entry, "VisibilityTimeout": 0} for entry in batch]
            with self._translate_errors():
                sqs_client(self.url).change_message_visibility_batch(QueueUrl=self.url, Entries=entries)

    def delete(self, receipts: Iterable[str]) -> None:
        """Delete messages; those that are already deleted are ignored.

        Raises:
            StorageError: The queue can't be reached.
        """
        for entries in _entries_of_requests(receipts):
            with self._translate_errors():
                sqs_client(self.url).delete_message_batch(QueueUrl=self.url, Entries=entries)

    def _events(self, body: str) -> Iterator[tuple[datetime, str]]:
        """Time and path of each event below the landing zone; none for a body of another format."""
        try:
            document = json.loads(body)
            if isinstance(document, dict) and document.get("Type") == "Notification":  # it came through SNS
                document = json.loads(document["Message"])
            records = document.get("Records", [])
            for record in records:
                key = unquote_plus(record["s3"]["object"]["key"])
                is_ours = record["s3"]["bucket"]["name"] == self.landing.name and key.startswith(self.landing.prefix)
                if is_ours and not key.endswith("/"):
                    at = datetime.fromisoformat(record["eventTime"])
                    if at.tzinfo:
                        yield at, key.removeprefix(self.landing.prefix)
        except (ValueError, TypeError, KeyError, AttributeError):
            return

    @contextmanager
    def _translate_errors(self) -> Iterator[Any]:
        """Raise AWS errors as StorageError, with the setting's name."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"SPOTIFY_ASSETS_LANDING_QUEUE_URL, {self.url}: {error}") from None


def _entries_of_requests(receipts: Iterable[str]) -> Iterator[list[dict[str, str]]]:
    """Entries of one request each."""
    waiting = list(receipts)
    for first in range(0, len(waiting), BATCH):
        yield [
            {"Id": str(number), "ReceiptHandle": receipt}
            for number, receipt in enumerate(waiting[first : first + BATCH])
        ]
