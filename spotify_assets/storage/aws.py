"""AWS by its own rules: credentials, region and endpoint as AWS's tools take them, for all that talks to S3.

`AWS_*`, profiles (`AWS_PROFILE`), single sign-on, roles of machines and containers, `AWS_ENDPOINT_URL` for MinIO and
the like. This is the one place that hands them on: to boto3, to `deltalake`, and to the embedded engine.
"""

import os
from functools import lru_cache
from typing import Any

from spotify_assets.storage.base import StorageError

Environment = tuple[tuple[str, str], ...]


def is_s3(uri: str) -> bool:
    """Whether it names a place in S3."""
    return uri.startswith("s3://")


def s3_client() -> Any:
    """S3, as the environment says."""
    return _client("s3", _environment())


def sqs_client(queue_url: str) -> Any:
    """SQS, in the region that the queue's address names."""
    parts = queue_url.split("/")[2].split(".")
    region = parts[1] if parts[0] == "sqs" and len(parts) > 2 else None
    return _client("sqs", _environment(), region)


def glue_client() -> Any:
    """Glue, as the environment says."""
    return _client("glue", _environment())


def athena_client() -> Any:
    """Athena, as the environment says."""
    return _client("athena", _environment())


def _environment() -> Environment:
    """What clients depend on: another environment, other clients."""
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))


@lru_cache(maxsize=8)
def _client(service: str, environment: Environment, region: str | None = None) -> Any:
    # boto3 takes half a second to import, and is needed only where something is on AWS.
    import boto3
    from botocore.exceptions import BotoCoreError, NoRegionError

    # Of AWS's tools, boto3 alone doesn't know AWS_REGION; where it is set, it goes before the profile's.
    region = region or os.environ.get("AWS_REGION") or None
    try:
        return boto3.session.Session().client(service, region_name=region)
    except NoRegionError:
        raise StorageError("AWS: no region; set AWS_REGION, or the region of the profile") from None
    except (BotoCoreError, ValueError) as error:
        raise StorageError(f"AWS: {error}") from None


@lru_cache(maxsize=8)
def _credentials(environment: Environment) -> Any:
    """The credentials; those that end are renewed by whoever asks for them."""
    import boto3

    return boto3.session.Session().get_credentials()


def place(client: Any) -> dict[str, str]:
    """Region and endpoint, by the names that Rust's object_store, and so `deltalake` and Sail, take them."""
    found = {"AWS_REGION": client.meta.region_name if client.meta.region_name != "aws-global" else "us-east-1"}
    endpoint = client.meta.endpoint_url
    if not endpoint.partition("?")[0].rstrip("/").endswith((".amazonaws.com", ".amazonaws.com.cn")):
        found["AWS_ENDPOINT"] = endpoint
    if endpoint.startswith("http://"):
        found["AWS_ALLOW_HTTP"] = "true"
    return found


def storage_options(uri: str) -> dict[str, str] | None:
    """Options for `deltalake`; None for a folder. Ask anew for each operation: credentials may end.

    Raises:
        StorageError: where there are no credentials.
    """
    if not is_s3(uri):
        return None
    credentials = _credentials(_environment())
    if credentials is None:
        raise StorageError(NO_CREDENTIALS.format(uri=uri))
    frozen = credentials.get_frozen_credentials()
    options = place(s3_client()) | {
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
    }
    return options | ({"AWS_SESSION_TOKEN": frozen.token} if frozen.token else {})


def engine_environment(*uris: str) -> dict[str, str]:
    """Variables that the embedded engine needs beside those that are set; none where nothing is on S3.

    It finds credentials by itself, the same way, and renews them; region and endpoint it takes from variables only.
    """
    return place(s3_client()) if any(map(is_s3, uris)) else {}


def spark_settings(uri: str) -> dict[str, str]:
    """Settings by which Apache Spark in a Java of this machine reaches S3; none for a folder.

    Credentials are not among them: AWS's library for Java finds and renews them in the same places, and what is on a
    command line shows.
    """
    if not is_s3(uri):
        return {}
    found = place(s3_client())
    settings = {"aws.credentials.provider": JAVA_CREDENTIALS, "endpoint.region": found["AWS_REGION"]}
    if endpoint := found.get("AWS_ENDPOINT"):
        settings |= {
            "endpoint": endpoint,
            "path.style.access": "true",
            "connection.ssl.enabled": str("AWS_ALLOW_HTTP" not in found).lower(),
        }
    return {f"spark.hadoop.fs.s3a.{name}": value for name, value in settings.items()}


JAVA_CREDENTIALS = "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"
NO_CREDENTIALS = (
    "{uri}: no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run aws sso login"
)
