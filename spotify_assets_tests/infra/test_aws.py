"""`infra/aws.yaml`: linted, read, and created on moto as far as moto creates its resources.

moto makes the bucket with its encryption, the queues, the role and the policy, and passes over the rest without a
word: that is read in the template, which cfn-lint holds against AWS's own schemas.
"""

import json
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from cfnlint.decode import cfn_yaml

from spotify_assets.cli.documentation import ROOT
from spotify_assets.ingest.history import ingest
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.queue import LandingQueue
from spotify_assets.landing.zone import LandingZone
from spotify_assets.sandbox.s3_servers import AWS, running_s3
from spotify_assets.settings import load_settings
from spotify_assets.storage import Bucket
from spotify_assets.targets import publishing
from spotify_assets.targets.registry import targets
from spotify_assets_tests.conftest import extended
from spotify_assets_tests.infra.requests_made import Request, recorded
from spotify_assets_tests.targets.published import count
from spotify_assets_tests.targets.test_glue import answers

pytestmark = pytest.mark.integration

TEMPLATE = ROOT / "infra" / "aws.yaml"
# What is needed, and not seen here: by uploads of more than 8 MB that break, by queries that take too long,
# and by Athena itself, which does these in the name of who queries.
BESIDES = {
    "s3:AbortMultipartUpload",
    "athena:StopQueryExecution",
    "s3:GetBucketLocation",
    "s3:ListBucketMultipartUploads",
    "s3:ListMultipartUploadParts",
    "glue:GetDatabase",
    "glue:GetTable",
    "glue:GetPartitions",
}


@pytest.fixture(scope="module")
def template():
    return cfn_yaml.load(str(TEMPLATE))


@pytest.fixture(scope="module")
def resources(template):
    return {name: resource["Properties"] for name, resource in template["Resources"].items()}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A server of its own that writes down every request, and where."""
    path = tmp_path_factory.mktemp("moto") / "requests"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_RECORDER_FILEPATH", str(path))
        patch.setenv("MOTO_ENABLE_RECORDING", "true")
        with running_s3("moto") as address:
            yield address, path


@pytest.fixture
def stack(recording, monkeypatch):
    """Outputs of the stack, made on that server; the environment leads there."""
    address, _ = recording
    for name, value in (AWS | {"AWS_ENDPOINT_URL": address, "AWS_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, value)
    formation = boto3.client("cloudformation")
    if not formation.list_stacks()["StackSummaries"]:
        formation.create_stack(StackName="music", TemplateBody=TEMPLATE.read_text(), Capabilities=["CAPABILITY_IAM"])
    [made] = formation.describe_stacks()["Stacks"]
    assert made["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}


def as_list(element):
    return [element] if isinstance(element, str) else element


def policy_of(stack):
    iam = boto3.client("iam")
    version = iam.get_policy(PolicyArn=stack["PolicyArn"])["Policy"]["DefaultVersionId"]
    return iam.get_policy_version(PolicyArn=stack["PolicyArn"], VersionId=version)["PolicyVersion"]["Document"]


def test_the_template_is_linted():
    done = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", "--include-checks", "I", "--", TEMPLATE],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "")


class TestWhatMotoMakes:
    def test_the_outputs_are_settings_as_they_are(self, stack, tmp_path):
        (tmp_path / ".env").write_text(stack["Settings"])
        settings = load_settings()
        assert settings.landing_uri == f"s3://{stack['BucketName']}/landing"
        assert settings.lake_uri == f"s3://{stack['BucketName']}/lake"
        assert settings.glue_database == settings.athena_workgroup == "spotify_assets"
        # The address is that of a queue, to SQS itself.
        attributes = boto3.client("sqs").get_queue_attributes(
            QueueUrl=settings.landing_queue_url, AttributeNames=["All"]
        )["Attributes"]
        assert attributes["SqsManagedSseEnabled"] == "true"
        redrive = json.loads(attributes["RedrivePolicy"])
        assert "DeadLetterQueue" in redrive["deadLetterTargetArn"]
        # A run that fails for days must not lose a message: hidden for 300 s each time it is received.
        assert redrive["maxReceiveCount"] * int(attributes["VisibilityTimeout"]) > 3 * 24 * 3600

    def test_the_bucket_is_encrypted(self, stack):
        [rule] = boto3.client("s3").get_bucket_encryption(Bucket=stack["BucketName"])[
            "ServerSideEncryptionConfiguration"
        ]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}

    def test_the_role_is_assumed_by_this_account_alone(self, stack):
        role = boto3.client("iam").get_role(RoleName=stack["RoleArn"].rpartition("/")[2])["Role"]
        [statement] = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}


class TestWhatTheTemplateSays:
    def test_nobody_else_sees_the_bucket(self, resources):
        assert set(resources["Bucket"]["PublicAccessBlockConfiguration"].values()) == {True}
        for name in ("BucketPolicy", "QueuePolicy"):
            statements = resources[name]["PolicyDocument"]["Statement"]
            [unencrypted] = [one for one in statements if one["Effect"] == "Deny"]
            assert unencrypted["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            allowed = [one for one in statements if one["Effect"] == "Allow"]
            assert all(one["Principal"] != "*" for one in allowed)
            assert len(allowed) == (name == "QueuePolicy")

    def test_only_the_bucket_fills_the_queue(self, resources):
        [allowed] = [
            one for one in resources["QueuePolicy"]["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"
        ]
        assert allowed["Action"] == "sqs:SendMessage"
        assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
        assert set(allowed["Condition"]) == {"ArnEquals", "StringEquals"}
        # Its name is written out: a reference to the bucket, which waits for this policy, would go in a circle.
        assert "Bucket" not in str(allowed["Condition"]).replace("BucketName", "")

    def test_deletions_can_be_undone_and_nothing_stays_for_ever(self, template, resources):
        bucket = resources["Bucket"]
        assert template["Resources"]["Bucket"]["DeletionPolicy"] == "Retain"
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
        prefixes = {rule.get("Prefix") for rule in rules.values() if "NoncurrentVersionExpiration" in rule}
        assert prefixes == {"landing/", "lake/", "athena-results/"}
        # Only results of queries go by themselves.
        assert [rule["Prefix"] for rule in rules.values() if "ExpirationInDays" in rule] == ["athena-results/"]
        assert "AbortIncompleteMultipartUpload" in rules["aborted-uploads"]

    def test_what_lands_is_told_and_nothing_of_the_lake(self, resources):
        told = resources["Bucket"]["NotificationConfiguration"]["QueueConfigurations"]
        assert {one["Event"] for one in told} == {"s3:ObjectCreated:*", "s3:ObjectRemoved:*"}
        for one in told:
            assert one["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "landing/"}]

    def test_queries_are_limited_and_their_results_encrypted(self, template, resources):
        configuration = resources["Workgroup"]["WorkGroupConfiguration"]
        assert configuration["EnforceWorkGroupConfiguration"] is True
        assert configuration["BytesScannedCutoffPerQuery"] == {"Ref": "ScanLimitBytes"}
        assert template["Parameters"]["ScanLimitBytes"]["Default"] == 10 * 2**30
        assert configuration["EngineVersion"] == {"SelectedEngineVersion": "Athena engine version 3"}
        results = configuration["ResultConfiguration"]
        assert results["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
        assert results["OutputLocation"] == {"Fn::Sub": "s3://${Bucket}/athena-results/"}

    def test_the_database_is_the_one_of_the_settings(self, resources):
        assert resources["Database"]["DatabaseInput"]["Name"] == {"Ref": "GlueDatabase"}
        assert resources["Role"]["ManagedPolicyArns"] == [{"Ref": "Policy"}]


class TestPolicy:
    def test_it_names_what_is_ours_alone(self, stack):
        policy = policy_of(stack)
        for statement in policy["Statement"]:
            actions, named = as_list(statement["Action"]), as_list(statement["Resource"])
            assert statement["Effect"] == "Allow"
            assert not any("*" in action for action in actions)
            for resource in named:
                assert resource != "*"
                is_ours = any(
                    ours in resource for ours in (stack["BucketName"], "-Queue-", "spotify_assets", ":catalog")
                )
                assert is_ours or (resource.endswith("database/default") and actions == ["glue:GetDatabase"]), resource

    def test_it_covers_every_call_and_little_else(self, recording, stack, tmp_path):
        """Land, read, register, count, hear what landed, and forget, in a bucket that keeps versions as on AWS."""
        address, path = recording
        (tmp_path / ".env").write_text(stack["Settings"])
        settings = load_settings()
        boto3.client("s3").put_bucket_versioning(
            Bucket=stack["BucketName"], VersioningConfiguration={"Status": "Enabled"}
        )
        boto3.client("athena").create_work_group(Name=settings.athena_workgroup, Configuration={})
        boto3.client("sqs").send_message(QueueUrl=settings.landing_queue_url, MessageBody="{}")
        answers(address, 2)
        made_before = sum(1 for _ in recorded(path))

        landing, lake = LandingZone(settings.landing_uri), Lake(settings.lake_uri)
        for times in (1, 2):
            landing.land("history/anna/a.json", json.dumps([extended("2024-01-31T13:37:00Z")] * times).encode())
            assert ingest(landing, lake, settings).records == times
        athena = targets(settings)["athena"]
        for full in (False, True):
            assert (
                len([*athena.publish(lake, publishing.pending_refreshes(athena, lake, ["raw_plays"], full=full))]) == 1
            )
        assert count(athena, "raw_plays").rows == lake.count("raw_plays")
        queue = LandingQueue(settings.landing_queue_url, Bucket(settings.landing_uri))
        queue.delete([message.receipt for message in queue.receive(10)])
        landing.remove(["history/anna/a.json"])
        Bucket(settings.lake_uri).remove_old_versions()
        lake.drop_history()

        made = [*recorded(path)][made_before:]
        policy = policy_of(stack)
        assert {request for request in made if not request.is_allowed(policy)} == set()
        allowed = {action for one in policy["Statement"] for action in as_list(one["Action"])}
        assert allowed - {request.action for request in made} == BESIDES

    def test_what_it_does_not_cover_is_found(self, stack):
        policy, bucket = policy_of(stack), f"arn:aws:s3:::{stack['BucketName']}"
        assert Request("s3:GetObject", (f"{bucket}/lake/raw/raw_files/a.parquet",)).is_allowed(policy)
        for refused in (
            Request("s3:GetObject", (f"{bucket}/elsewhere/a.parquet",)),
            Request("s3:GetObject", ("arn:aws:s3:::another/lake/a.parquet",)),
            Request("s3:DeleteBucket", (bucket,)),
            Request("sqs:SendMessage", ("arn:aws:sqs:us-east-1:123456789012:music-Queue-1",)),
            Request("glue:GetTables", ("arn:aws:glue:us-east-1:123456789012:database/invoices",)),
            Request("glue:CreateTable", ("arn:aws:glue:us-east-1:123456789012:table/default/plays",)),
            Request("athena:StartQueryExecution", ("arn:aws:athena:us-east-1:123456789012:workgroup/primary",)),
        ):
            assert not refused.is_allowed(policy), refused
