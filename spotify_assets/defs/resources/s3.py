"""S3 as dagster-aws's resource, for assets that you add."""

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from dagster_aws.s3 import S3Resource


@dg.resource(description="dagster-aws's S3Resource, with the credentials that AWS's tools use.")
def s3(_: dg.InitResourceContext) -> "S3Resource":
    """Create the resource on first use: importing dagster-aws takes 2.7 s, as long as all other definitions."""
    from dagster_aws.s3 import S3Resource

    return S3Resource()
