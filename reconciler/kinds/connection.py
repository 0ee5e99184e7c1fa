"""Connections: how the service logs in to a data warehouse. Reference: "Create a connection"."""

from typing import Annotated, ClassVar, Literal

from reconciler.fields import (
    Brief,
    Destination,
    Immutable,
    Instead,
    JsonText,
    Part,
    Port,
    ReadAs,
    Risk,
    Secret,
    Text,
)
from reconciler.resource import Resource

_STATE_WORDS = Instead({"paused": "inactive"}, "pipelines are paused, connections are inactive")


class Connection(Resource):
    """A connection to a data warehouse."""

    kind: ClassVar = "connection"
    path: ClassVar = "/connections"
    tag: ClassVar = "service_provider"
    unhealthy: ClassVar = frozenset({"faulted"})
    # The service probably logs in to the warehouse before it answers (inferred; it has a code, 505, for that).
    write_timeout: ClassVar = 120.0

    state: Annotated[Literal["new", "active", "inactive"], _STATE_WORDS, "Whether the connection is in use."]
    service_provider: Annotated[
        Literal["Snowflake", "BigQuery", "Redshift", "Databricks"], Immutable(), "The kind of warehouse."
    ]


class SnowflakeConfig(Part):
    """Where the data is in Snowflake, and how to log in."""

    account_identifier: Annotated[
        # An answer to PUT in the reference holds v1's name for it.
        Text, Destination(), ReadAs("source_account_id"), "Snowflake account locator, such as `gd12345`."
    ]
    region: Annotated[
        Text, Destination(), "Snowflake region, `<cloud_region_id>` or `<cloud_region_id>.<cloud>`."
    ]
    warehouse: Annotated[Text, "Compute warehouse that runs the queries."]
    database: Annotated[Text, "Database that holds the data."]
    user: Annotated[Text, Risk("credential-retargeted"), "User to log in as."]
    role: Annotated[Text, "Snowflake role to assume."]
    password: Annotated[Secret, "Password of the user."]
    storage_integration: Annotated[Text, "Snowflake storage integration, as created in the quickstart."]
    # The service fills these two when they are left out (the reference's example answers hold them).
    aws_iam_user_arn: Annotated[
        Text | None, Brief(), "AWS user of the storage integration; filled by the service."
    ] = None
    aws_external_id: Annotated[
        Text | None, Brief(), "External id of the storage integration; filled by the service."
    ] = None


class SnowflakeConnection(Connection):
    """A connection to Snowflake."""

    service_provider: Annotated[Literal["Snowflake"], Immutable(), "The kind of warehouse."]
    config: SnowflakeConfig


class BigQueryConfig(Part):
    """Where the data is in BigQuery, and how to log in."""

    region: Annotated[Text, "Region of the warehouse, such as `us-east1`."]
    project_id: Annotated[Text, Destination(), "Google Cloud project."]
    dataset_id: Annotated[Text, "BigQuery dataset."]
    service_account_id: Annotated[
        Text, Risk("credential-retargeted"), "Service account, as created in the quickstart."
    ]
    service_account_key: Annotated[Secret, JsonText(), "Key of the service account: the whole JSON document."]


class BigQueryConnection(Connection):
    """A connection to Google BigQuery."""

    # The reference has no Required column here: all are required (inferred).
    service_provider: Annotated[Literal["BigQuery"], Immutable(), "The kind of warehouse."]
    config: BigQueryConfig


class RedshiftConfig(Part):
    """Where the data is in Redshift, and how to log in."""

    database: Annotated[Text, "Database that holds the data."]
    user: Annotated[Text, Risk("credential-retargeted"), "User to log in as."]
    password: Annotated[Secret, "Password of the user."]
    aws_iam_role_arn: Annotated[Text, "AWS role, as created in the quickstart."]
    host: Annotated[Text, Destination(), "Host of the cluster."]
    # An example request leaves it out, and its answer holds "5439".
    port: Annotated[Port | None, Destination(), "Port of the cluster; the service's default is 5439."] = None


class RedshiftConnection(Connection):
    """A connection to Amazon Redshift."""

    # No Required column either: all but `port` are required (inferred).
    service_provider: Annotated[Literal["Redshift"], Immutable(), "The kind of warehouse."]
    config: RedshiftConfig


class DatabricksConfig(Part):
    """Where the data is in Databricks."""

    provider: Annotated[Text, Destination(), "Databricks organization name of the metastore."]
    schema_: Annotated[Text, "Name of the data schema."]


class DatabricksConnection(Connection):
    """A connection to Databricks. It has no secret of its own."""

    service_provider: Annotated[Literal["Databricks"], Immutable(), "The kind of warehouse."]
    config: DatabricksConfig
