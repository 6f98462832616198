"""An SQS queue that a bucket's notifications go to: what landed, without listing the bucket."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from spotify_assets.landing.zone import is_history
from spotify_assets.storage import Bucket, StorageError
from spotify_assets.storage.aws import sqs_client

# SQS gives and takes no more at once.
BATCH = 10
# Until then (seconds) nobody else is given a message; if nobody deleted it, it comes again.
HIDDEN_FOR = 300


@dataclass(frozen=True)
class Message:
    """A message: by what it is deleted, and when (UTC) what happened to which files below the landing zone.

    Test events and messages of others name none.
    """

    receipt: str
    events: tuple[tuple[datetime, str], ...]

    def tells_news_since(self, moment: datetime | None) -> bool:
        """Whether something of listening history changed after that moment, or ever where it is None."""
        return any(is_history(path) and (moment is None or at >= moment) for at, path in self.events)


@dataclass(frozen=True)
class LandingQueue:
    """The queue, and the bucket and prefix that its messages are about."""

    url: str
    landing: Bucket

    def receive(self, limit: int) -> Iterator[Message]:
        """Messages that wait, up to a number; each is hidden from others for a while."""
        for _ in range(0, limit, BATCH):
            with self._told():
                answer = sqs_client(self.url).receive_message(
                    QueueUrl=self.url, MaxNumberOfMessages=BATCH, VisibilityTimeout=HIDDEN_FOR, WaitTimeSeconds=0
                )
            if not answer.get("Messages"):
                return
            for message in answer["Messages"]:
                yield Message(message["ReceiptHandle"], tuple(self._events(message.get("Body", ""))))

    def delete(self, receipts: Iterable[str]) -> None:
        """Delete messages; those that were deleted before do no harm."""
        waiting = list(receipts)
        for first in range(0, len(waiting), BATCH):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt}
                for number, receipt in enumerate(waiting[first : first + BATCH])
            ]
            with self._told():
                sqs_client(self.url).delete_message_batch(QueueUrl=self.url, Entries=entries)

    def _events(self, body: str) -> Iterator[tuple[datetime, str]]:
        """When something happened to an object below the landing zone, and its path there; whatever the body is."""
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
    def _told(self) -> Iterator[Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"SPOTIFY_ASSETS_LANDING_QUEUE_URL, {self.url}: {error}") from None
