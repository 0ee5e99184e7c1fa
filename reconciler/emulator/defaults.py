"""What the service puts in by itself, and the values with which its refusals can be provoked.

The only place of the emulator that names fields; all of it is what the reference shows or hints at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.resource import Resource

MASK: Final = "************"  # as in every example answer

# The first status of a resource, by kind. Another kind starts `healthy`.
STATUS: Final[Mapping[str, str]] = {"connection": "healthy", "model": "valid", "pipeline": "idle"}

# Optional fields that the server fills when they are left out: values of the reference's example answers.
FILLED: Final[Mapping[str, Mapping[str, str]]] = {
    "SnowflakeConnection": {
        "config.aws_iam_user_arn": "arn:aws:iam::123456:user/externalstages/abcdefg",
        "config.aws_external_id": "GD1234=2_abcdefg==",
    },
    "RedshiftConnection": {"config.port": "5439"},
}

# Write-only fields that answers show in clear, as every example does: by kind and path, and what stands
# there when the emulator was not told to keep secrets.
IN_CLEAR: Final[Mapping[tuple[str, str], str]] = {("pipeline", "partner_feed_key"): "feed-key"}

# Who is said to have written what came with the token that the emulator was started with.
AUTHOR: Final = "developer@example.com"

BAD_SECRET: Final = "wrong-password"
BAD_USER: Final = ("config.user", "nobody")

# Code 404 of the reference: no such plan, or no version given. Code 400: a plan that is not active.
NO_SUCH_PLAN: Final = "no-such-plan"
INACTIVE_PLAN: Final = "inactive-plan"


def first_status(kind: type[Resource]) -> str:
    return STATUS.get(kind.kind, "healthy")


def filled(model: type[Resource]) -> Mapping[str, str]:
    return FILLED.get(model.__name__, {})


def shown_in_clear(kind: str, path: str) -> str | None:
    """What stands for a write-only field that answers show in clear; None where they mask it."""
    return IN_CLEAR.get((kind, path))
