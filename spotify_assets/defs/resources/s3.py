"""S3 as dagster-aws's resource, for assets of others."""

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from dagster_aws.s3 import S3Resource


@dg.resource(description="dagster-aws's S3Resource, with credentials as AWS's own tools find them.")
def s3(_: dg.InitResourceContext) -> "S3Resource":
    """Made when an asset first asks for it: to import dagster-aws takes 2.7 s, as long as all else that loads."""
    from dagster_aws.s3 import S3Resource

    return S3Resource()
