"""AWS credentials, region and endpoint, found as AWS's own tools find them.

That is `AWS_*` variables, profiles (`AWS_PROFILE`), single sign-on, roles of machines and containers, and
`AWS_ENDPOINT_URL` for MinIO and the like. They are passed on from here to boto3, `deltalake` and the engines.
"""

import os
from functools import lru_cache
from typing import Any

from spotify_assets.storage.base import StorageError

# Of a client: threads beyond them would open and close one for each request.
CONNECTIONS = 32
Environment = tuple[tuple[str, str], ...]


def is_s3(uri: str) -> bool:
    """Whether a URI is in S3."""
    return uri.startswith("s3://")


def s3_client() -> Any:
    """boto3 client for S3, configured by the environment.

    Raises:
        StorageError: The region is missing, or the configuration is invalid. So do the other clients.
    """
    return _client("s3", _environment())


def sqs_client(queue_url: str) -> Any:
    """boto3 client for SQS, in the region of the queue's URL."""
    parts = queue_url.split("/")[2].split(".")
    region = parts[1] if parts[0] == "sqs" and len(parts) > 2 else None
    return _client("sqs", _environment(), region)


def glue_client() -> Any:
    """boto3 client for Glue, configured by the environment."""
    return _client("glue", _environment())


def athena_client() -> Any:
    """boto3 client for Athena, configured by the environment."""
    return _client("athena", _environment())


def _environment() -> Environment:
    """The variables that clients depend on: key of the cached clients."""
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))


@lru_cache(maxsize=8)
def _client(service: str, environment: Environment, region: str | None = None) -> Any:
    # Imported here: it takes half a second, and only users of AWS need it.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, NoRegionError

    # boto3 ignores AWS_REGION, which AWS's other tools prefer to the profile's region.
    region = region or os.environ.get("AWS_REGION") or None
    try:
        client = boto3.session.Session().client(
            service, region_name=region, config=Config(max_pool_connections=CONNECTIONS)
        )
    except NoRegionError:
        raise StorageError("AWS: no region; set AWS_REGION, or the region of the profile") from None
    except (BotoCoreError, ValueError) as error:
        raise StorageError(f"AWS: {error}") from None
    # Errors of botocore and of Rust's object_store repeat the URL.
    if "@" in client.meta.endpoint_url:
        raise StorageError(f"AWS: AWS_ENDPOINT_URL has a user or password; {CREDENTIALS}")
    return client


@lru_cache(maxsize=8)
def _credentials(environment: Environment) -> Any:
    """The credentials. botocore renews temporary ones whenever they are read."""
    import boto3

    return boto3.session.Session().get_credentials()


def region_and_endpoint(client: Any) -> dict[str, str]:
    """A client's region and endpoint as variables of Rust's object_store, which `deltalake` and Sail use."""
    found = {"AWS_REGION": client.meta.region_name if client.meta.region_name != "aws-global" else "us-east-1"}
    endpoint = client.meta.endpoint_url
    if not endpoint.partition("?")[0].rstrip("/").endswith((".amazonaws.com", ".amazonaws.com.cn")):
        found["AWS_ENDPOINT"] = endpoint
    if endpoint.startswith("http://"):
        found["AWS_ALLOW_HTTP"] = "true"
    return found


def storage_options(uri: str) -> dict[str, str] | None:
    """Options for `deltalake`; None for a folder. Call it for each operation: credentials may expire.

    Raises:
        StorageError: There are no credentials.
    """
    if not is_s3(uri):
        return None
    credentials = _credentials(_environment())
    if credentials is None:
        raise StorageError(NO_CREDENTIALS.format(uri=uri))
    frozen = credentials.get_frozen_credentials()
    options = region_and_endpoint(s3_client()) | {
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
    }
    return options | ({"AWS_SESSION_TOKEN": frozen.token} if frozen.token else {})


def engine_environment(*uris: str) -> dict[str, str]:
    """Environment variables to set for the embedded engine; none if no URI is on S3.

    The engine finds and renews credentials by itself, but takes region and endpoint from variables only.
    """
    return region_and_endpoint(s3_client()) if any(map(is_s3, uris)) else {}


def spark_settings(uri: str) -> dict[str, str]:
    """Settings for S3 of Apache Spark on this machine; none for a folder.

    They hold no credentials: AWS's library for Java finds and renews them in the same places.
    """
    if not is_s3(uri):
        return {}
    found = region_and_endpoint(s3_client())
    settings = {"aws.credentials.provider": JAVA_CREDENTIALS, "endpoint.region": found["AWS_REGION"]}
    if endpoint := found.get("AWS_ENDPOINT"):
        settings |= {
            "endpoint": endpoint,
            "path.style.access": "true",
            "connection.ssl.enabled": str("AWS_ALLOW_HTTP" not in found).lower(),
        }
    return {f"spark.hadoop.fs.s3a.{name}": value for name, value in settings.items()}


JAVA_CREDENTIALS = "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"
CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run aws sso login"
NO_CREDENTIALS = f"{{uri}}: no AWS credentials; {CREDENTIALS}"
