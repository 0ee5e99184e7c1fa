"""Data models: the SQL whose rows a pipeline moves. Reference: "Create a data model"."""

from typing import Annotated, ClassVar, Literal

from reconciler.fields import Immutable, Instead, Part, Sql
from reconciler.resource import Resource


class ModelConfig(Part):
    """What the model selects."""

    sql_query: Annotated[
        Sql, "The query, with fully qualified table names; best kept in a file: `{{ file('x.sql') }}`."
    ]


class Model(Resource):
    """A data model: a SQL query whose rows are ingested."""

    kind: ClassVar = "model"
    path: ClassVar = "/data-models"
    unhealthy: ClassVar = frozenset({"invalid"})

    state: Annotated[
        Literal["new", "active", "inactive"],
        Instead({"paused": "inactive"}, "pipelines are paused, models are inactive"),
        "Whether the model is in use.",
    ]
    type: Annotated[Literal["sql"], Immutable(), "The only kind of model there is."]
    config: ModelConfig
