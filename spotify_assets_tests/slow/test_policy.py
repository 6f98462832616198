"""The commands that people type, with the engine: the role of `infra/aws.yaml` may make every request of theirs."""

import json
import os
import subprocess
import sys

import boto3

from spotify_assets_tests.conftest import extended
from spotify_assets_tests.infra.requests_made import recorded
from spotify_assets_tests.infra.test_aws import policy_of, recording, stack

__all__ = ["recording", "stack"]


def command(folder, *arguments):
    environment = os.environ | {"DAGSTER_HOME": str(folder / "dagster")}
    done = subprocess.run(
        [sys.executable, "-m", "spotify_assets", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_role_covers_every_command(recording, stack, tmp_path):
    _, path = recording
    # moto's Athena computes nothing to compare with.
    settings = [line for line in stack["Settings"].splitlines() if "WORKGROUP" not in line]
    (tmp_path / ".env").write_text("\n".join(settings))
    (tmp_path / "dagster").mkdir()
    (tmp_path / "a.json").write_text(json.dumps([extended("2024-01-31T13:37:00Z"), extended("2024-03-31T13:37:00Z")]))
    boto3.client("s3").put_bucket_versioning(Bucket=stack["BucketName"], VersioningConfiguration={"Status": "Enabled"})
    made_before = sum(1 for _ in recorded(path))

    command(tmp_path, "import", "a.json", "--listener", "anna")
    command(tmp_path, "sync")
    command(tmp_path, "maintain")
    command(tmp_path, "forget", "--listener", "anna", "--yes")
    assert boto3.client("glue").get_table(DatabaseName="spotify_assets", Name="fct_plays")

    made = [*recorded(path)][made_before:]
    policy = policy_of(stack)
    refused = {request for request in made if not request.is_allowed(policy)}
    assert refused == set()
