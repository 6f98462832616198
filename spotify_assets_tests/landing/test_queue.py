"""A bucket that tells a queue what lands in it, and the sensor that reads the queue."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from spotify_assets.definitions import definitions
from spotify_assets.defs import jobs, sensors
from spotify_assets.defs.runner import Runner
from spotify_assets.landing.queue import LandingQueue
from spotify_assets.settings import SettingsError, load_settings
from spotify_assets.storage import Bucket, StorageError
from spotify_assets_tests.conftest import extended
from spotify_assets_tests.defs.test_sensors import execute, tick

PLAYS = [extended("2024-01-31T13:37:00Z")]


@pytest.fixture
def sqs(s3_world, monkeypatch):
    """SQS, with a queue that the world's bucket tells of every change below `landing`."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=s3_world.uri.removeprefix("s3://"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    boto3.client("s3").put_bucket_notification_configuration(
        Bucket=s3_world.uri.removeprefix("s3://"),
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]
        },
    )
    s3_world.overrides["landing_queue_url"] = url
    return sqs


@pytest.fixture
def queue(s3_world, sqs):
    return LandingQueue(s3_world.settings.landing_queue_url, Bucket(s3_world.settings.landing_uri))


def left(sqs, queue):
    """Messages that are in the queue, hidden or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"].values()))


def send(sqs, queue, body):
    sqs.send_message(QueueUrl=queue.url, MessageBody=body if isinstance(body, str) else json.dumps(body))


def event(bucket, key, at="2026-01-01T00:00:00.000Z"):
    return {"Records": [{"eventTime": at, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]}


def drained(queue):
    return [path for message in queue.receive(100) for _, path in message.events]


class TestMessages:
    def test_names_are_those_of_the_files(self, s3_world, sqs, queue):
        s3_world.land("Änna b/c+d 100%.json", PLAYS)
        assert drained(queue) == ["history/Änna b/c+d 100%.json"]

    def test_a_deleted_file_is_told_of(self, s3_world, sqs, queue):
        s3_world.landing.remove(["history/anna/a.json"])
        s3_world.land("anna/a.json", PLAYS)
        s3_world.landing.remove(["history/anna/a.json"])
        assert drained(queue).count("history/anna/a.json") >= 2

    def test_those_about_a_forgotten_listener_go_and_others_stay(self, s3_world, sqs, queue):
        list(queue.receive(100))
        for listener in ("anna", "ben", "anna2"):
            send(sqs, queue, event(queue.landing.name, f"{queue.landing.prefix}history/{listener}/a.json"))
        send(sqs, queue, "no event")
        queue.forget("anna")
        assert sorted(drained(queue)) == ["history/anna2/a.json", "history/ben/a.json"]

    @pytest.mark.parametrize(
        "body",
        [
            "no json",
            "[]",
            "null",
            '"Records"',
            {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
            {"Records": None},
            {"Records": [None]},
            {"Records": [{"s3": {}}]},
            {"Type": "Notification", "Message": "no json"},
            event("another-bucket", "landing/history/anna/a.json"),
            "at no time",
        ],
        ids=str,
    )
    def test_whatever_else_is_in_the_queue_names_nothing(self, s3_world, sqs, queue, body):
        if body == "at no time":
            body = event(queue.landing.name, "landing/history/anna/a.json", "yesterday")
        list(queue.receive(100))
        send(sqs, queue, body)
        assert drained(queue) == []

    def test_what_is_elsewhere_in_the_bucket_is_not_ours(self, s3_world, sqs, queue):
        for key in ("lake/raw/x", "landing2/history/anna/a.json", "landing/history/anna/"):
            send(sqs, queue, event(queue.landing.name, key))
        assert drained(queue) == []

    def test_through_sns(self, sqs, queue):
        message = json.dumps(event(queue.landing.name, "landing/history/anna/a.json"))
        send(sqs, queue, {"Type": "Notification", "Message": message})
        assert drained(queue) == ["history/anna/a.json"]

    def test_no_such_queue_is_one_clear_line(self, queue):
        with pytest.raises(StorageError, match=r"SPOTIFY_ASSETS_LANDING_QUEUE_URL, .*-nobody"):
            list(LandingQueue(queue.url + "-nobody", queue.landing).receive(10))


@pytest.mark.integration
class TestSensor:
    @pytest.fixture(autouse=True)
    def _syncs_only_read(self, monkeypatch):
        monkeypatch.setattr(Runner, "refresh", lambda runner: runner.done)

    def test_a_message_is_deleted_only_once_its_run_was_asked_for(self, s3_world, sqs, queue, instance):
        s3_world.land("anna/a.json", PLAYS)
        first = tick(sensors.landing_sensor, s3_world, instance)
        [request] = first.run_requests
        assert left(sqs, queue) == 1
        # The daemon died before it asked for the run: nothing is deleted.
        tick(sensors.landing_sensor, s3_world, instance, first.cursor)
        assert left(sqs, queue) == 1
        assert execute(s3_world.settings, instance, tags=request.tags).success
        done = tick(sensors.landing_sensor, s3_world, instance, first.cursor)
        assert not done.run_requests
        assert left(sqs, queue) == 0
        assert len(s3_world.rows("raw_plays")) == 1

    def test_duplicates_late_and_foreign_messages_start_no_run(self, s3_world, sqs, queue, instance):
        s3_world.land("anna/a.json", PLAYS)
        first = tick(sensors.landing_sensor, s3_world, instance)
        assert execute(s3_world.settings, instance, tags=first.run_requests[0].tags).success
        for body in [event(queue.landing.name, "landing/history/anna/a.json")] * 25 + ["no json"]:
            send(sqs, queue, body)
        done = tick(sensors.landing_sensor, s3_world, instance, first.cursor)
        assert not done.run_requests
        assert left(sqs, queue) == 0

    def test_a_run_by_a_clock_that_was_ahead_says_nothing_of_new_messages(
        self, s3_world, sqs, queue, instance, monkeypatch
    ):
        s3_world.land("anna/a.json", PLAYS)
        first = tick(sensors.landing_sensor, s3_world, instance)
        assert execute(s3_world.settings, instance, tags=first.run_requests[0].tags).success
        tick(sensors.landing_sensor, s3_world, instance, first.cursor)
        a_year = 365 * 86_400
        monkeypatch.setattr(sensors.time, "time", lambda: datetime.now(UTC).timestamp() - a_year)
        landed = f"{datetime.now(UTC) - timedelta(seconds=a_year):%Y-%m-%dT%H:%M:%S}.000Z"
        send(sqs, queue, event(queue.landing.name, "landing/history/anna/b.json", landed))
        assert len(tick(sensors.landing_sensor, s3_world, instance).run_requests) == 1

    def test_the_landing_zone_is_not_listed(self, s3_world, sqs, queue, instance, monkeypatch):
        s3_world.land("anna/a.json", PLAYS)
        first = tick(sensors.landing_sensor, s3_world, instance)
        assert execute(s3_world.settings, instance, tags=first.run_requests[0].tags).success
        listed = []
        monkeypatch.setattr(Bucket, "files", lambda self, folder="": listed.append((self.uri, folder)) or iter(()))
        tick(sensors.landing_sensor, s3_world, instance, first.cursor)
        assert {uri for uri, _ in listed} <= {s3_world.lake.uri}

    def test_what_was_landed_before_the_queue_is_read_once(self, s3_world, sqs, queue, instance):
        s3_world.land("anna/a.json", PLAYS)
        sqs.purge_queue(QueueUrl=queue.url)
        first = tick(sensors.landing_sensor, s3_world, instance)
        assert execute(s3_world.settings, instance, tags=first.run_requests[0].tags).success
        assert not tick(sensors.landing_sensor, s3_world, instance, first.cursor).run_requests
        assert len(s3_world.rows("raw_plays")) == 1

    @pytest.mark.parametrize("job", ["sync", "read_history"])
    def test_a_run_that_failed_is_asked_for_again_after_a_while(
        self, s3_world, sqs, queue, instance, monkeypatch, job
    ):
        """A sync, before it had read or in its run that reads."""
        s3_world.land("anna/a.json", PLAYS)
        first = tick(sensors.landing_sensor, s3_world, instance)
        assert execute(s3_world.settings, instance, tags=first.run_requests[0].tags).success

        def fail():
            instance.report_run_failed(
                instance.create_run_for_job(definitions(s3_world.settings).resolve_job_def(job))
            )

        fail()
        again = tick(sensors.landing_sensor, s3_world, instance, first.cursor)
        assert len(again.run_requests) == 1
        fail()
        held = tick(sensors.landing_sensor, s3_world, instance, again.cursor)
        assert "this run was requested 1 times already" in held.skip_message
        now = datetime.now(UTC).timestamp()
        monkeypatch.setattr(sensors.time, "time", lambda: now + 61)
        assert len(tick(sensors.landing_sensor, s3_world, instance, again.cursor).run_requests) == 1

    def test_a_sync_that_failed_after_it_had_read_is_no_matter_of_messages(self, s3_world, sqs, queue, instance):
        s3_world.land("anna/a.json", PLAYS)
        first = tick(sensors.landing_sensor, s3_world, instance)
        of_sync = instance.create_run_for_job(definitions(s3_world.settings).resolve_job_def("sync"))
        assert execute(s3_world.settings, instance, jobs.read_history).success
        instance.report_run_failed(of_sync)
        assert (
            "No new files" in tick(sensors.landing_sensor, s3_world, instance, first.cursor).skip_reason.skip_message
        )

    def test_many_messages_make_one_run_and_a_small_cursor(self, s3_world, sqs, queue, instance):
        s3_world.land("anna/a.json", PLAYS)
        for number in range(150):
            send(sqs, queue, event(queue.landing.name, f"landing/history/anna/{number}.json", "2999-01-01T00:00:00Z"))
        first = tick(sensors.landing_sensor, s3_world, instance)
        assert len(first.run_requests) == 1
        assert len(first.cursor) < 100_000


def test_a_queue_needs_a_bucket():
    with pytest.raises(SettingsError, match=r"SPOTIFY_ASSETS_LANDING_QUEUE_URL.*SPOTIFY_ASSETS_LANDING_URI"):
        load_settings(landing_queue_url="https://sqs.eu-north-1.amazonaws.com/1/q")
    with pytest.raises(SettingsError, match=r"SPOTIFY_ASSETS_LANDING_QUEUE_URL: expected the queue's URL"):
        load_settings(landing_uri="s3://bucket/landing", landing_queue_url="q")
