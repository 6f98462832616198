"""Requests that were made of AWS, as moto wrote them down, and what of IAM's actions and resources each takes."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ACCOUNT = "us-east-1:123456789012"
NO_SPACE = re.compile(r"\S")
# A batch is allowed by what allows one.
SAME = {"sqs:DeleteMessageBatch": "sqs:DeleteMessage"}


@dataclass(frozen=True)
class Request:
    """What a request is, in IAM's words: the action, and all the resources on which it has to be allowed."""

    action: str
    resources: tuple[str, ...]

    def is_allowed(self, policy: Mapping[str, Any]) -> bool:
        """Whether statements of the policy allow it on each of its resources."""
        return all(
            any(_matches(statement, "Action", self.action) and _matches(statement, "Resource", resource)
                for statement in policy["Statement"] if statement["Effect"] == "Allow")
            for resource in self.resources
        )  # fmt: skip


def _matches(statement: Mapping[str, Any], element: str, wanted: str) -> bool:
    patterns = statement[element]
    return any(fnmatchcase(wanted, pattern) for pattern in ([patterns] if isinstance(patterns, str) else patterns))


def recorded(path: Path, services: tuple[str, ...] = ("s3", "sqs", "glue", "athena")) -> Iterator[Request]:
    """Every request to these services that moto wrote down, in order."""
    for entry in _entries(path.read_text()):
        headers = {name.lower(): value for name, value in entry["headers"].items()}
        scope = headers.get("authorization", "").partition("Credential=")[2].split(",")[0].split("/")
        if len(scope) == 5 and scope[3] in services:
            body = base64.b64decode(entry["body"]) if entry["body_encoded"] else entry["body"].encode()
            if scope[3] == "s3":
                yield from _of_s3(entry["method"], entry["url"], headers, body)
            else:
                yield _of_json(scope[3], headers["x-amz-target"].rpartition(".")[2], json.loads(body or "{}"))


def _entries(text: str) -> Iterator[dict[str, Any]]:
    """What moto wrote down. Of two requests at once, it may write the ends of lines after both."""
    decoder, position = json.JSONDecoder(), 0
    while start := NO_SPACE.search(text, position):
        entry, position = decoder.raw_decode(text, start.start())
        yield entry


def _of_json(service: str, operation: str, body: Mapping[str, Any]) -> Request:
    action = f"{service}:{operation}"
    resources: tuple[str, ...]
    if service == "sqs":
        resources = (f"arn:aws:sqs:{ACCOUNT}:{body['QueueUrl'].rpartition('/')[2]}",)
    elif service == "athena":
        # Of a query, AWS knows its workgroup.
        resources = (f"arn:aws:athena:{ACCOUNT}:workgroup/{body.get('WorkGroup', 'spotify_assets')}",)
    else:
        database = body.get("DatabaseName") or body.get("Name") or body["DatabaseInput"]["Name"]
        resources = (f"arn:aws:glue:{ACCOUNT}:catalog", f"arn:aws:glue:{ACCOUNT}:database/{database}")
        if "Table" in operation:
            table = body.get("TableInput", body).get("Name", "any")
            resources += (f"arn:aws:glue:{ACCOUNT}:table/{database}/{table}",)
    return Request(SAME.get(action, action), resources)


def _of_s3(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Iterator[Request]:
    address = urlsplit(url)
    bucket, _, key = unquote(address.path).lstrip("/").partition("/")
    asked = parse_qs(address.query, keep_blank_values=True)
    if not key:
        yield from _of_bucket(method, bucket, asked, body)
        return
    resource = (f"arn:aws:s3:::{bucket}/{key}",)
    if method in ("GET", "HEAD"):
        yield Request("s3:GetObject", resource)
    elif method == "DELETE":
        ends_upload, of_version = "uploadId" in asked, "versionId" in asked
        action = "AbortMultipartUpload" if ends_upload else "DeleteObjectVersion" if of_version else "DeleteObject"
        yield Request(f"s3:{action}", resource)
    else:  # also the parts of an upload, and its beginning and end
        yield Request("s3:PutObject", resource)
        if source := headers.get("x-amz-copy-source"):
            yield Request("s3:GetObject", (f"arn:aws:s3:::{unquote(source).lstrip('/')}",))


def _of_bucket(method: str, bucket: str, asked: Mapping[str, Any], body: bytes) -> Iterator[Request]:
    resource = (f"arn:aws:s3:::{bucket}",)
    if method == "POST" and "delete" in asked:
        from xml.etree import ElementTree

        for one in ElementTree.fromstring(body).iter():
            if one.tag.rpartition("}")[2] == "Object":
                parts = {part.tag.rpartition("}")[2]: part.text for part in one}
                action = "s3:DeleteObjectVersion" if "VersionId" in parts else "s3:DeleteObject"
                yield Request(action, (f"arn:aws:s3:::{bucket}/{parts['Key']}",))
    elif "versioning" in asked:
        yield Request("s3:GetBucketVersioning" if method == "GET" else "s3:PutBucketVersioning", resource)
    elif "versions" in asked:
        yield Request("s3:ListBucketVersions", resource)
    elif method in ("GET", "HEAD"):
        yield Request("s3:ListBucket", resource)
    else:
        yield Request(f"s3:{method}Bucket", resource)
