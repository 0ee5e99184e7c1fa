"""What a server says, as one short sentence that may be shown.

Law: foreign text leaves here without known secrets, without hidden characters, in one line and cut. The shapes of
error bodies are those of api-facts: mParticle's own, those of its sibling APIs, and the token host's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from reconciler.errors import inert
from reconciler.resource import SECRET_NAMES
from reconciler.secrets import scrub
from reconciler.transport import Answer, MalformedAnswer

LONGEST: Final = 500

_READ_AT_MOST: Final = 65_536  # characters of one message that are looked at

# An echo of a request body, or of a stored object that should have been masked: what the key calls a secret goes,
# known to us or not, up to its closing quote or the end of what was cut off.
_NAMED_SECRET: Final = re.compile(
    r"""(\\*["'][\w.-]{0,64}?(?:"""
    + "|".join(SECRET_NAMES)
    + r""")[\w.-]{0,64}\\*["']\s*:\s*)(?P<quote>\\*["']).*?(?:(?<!\\)(?P=quote)|\Z)""",
    re.IGNORECASE | re.DOTALL,
)


def clean(text: str) -> str:
    """Foreign text as it may be shown: scrubbed, inert, in one line, at most 500 characters."""
    text = _NAMED_SECRET.sub(r"\1(secret)", scrub(text[:_READ_AT_MOST]))
    return inert(" ".join(text.split()), LONGEST)


def in_words(answer: Answer) -> str:
    """An answer as `400 Pipeline x is already in progress.` or `502 (HTML from api.mparticle.com)`."""
    text = _text(answer)
    return inert(f"{answer.status} {text}", LONGEST)


def _text(answer: Answer) -> str:
    body = answer.body.strip()
    if not body:
        return f"(an empty answer from {answer.host})"
    kind = answer.headers.get("content-type", "").lower()
    if "html" in kind or body.startswith(b"<"):
        return f"(HTML from {answer.host})"
    try:
        said = [clean(m) for m in dict.fromkeys(_messages(answer.json()))]
    except MalformedAnswer:
        if body.startswith((b"{", b"[", b'"')):
            return f"(JSON from {answer.host} that cannot be read)"
        return clean(body[:4000].decode("utf-8", "replace"))
    return clean("; ".join(filter(None, said))) or f"(no message from {answer.host})"


def _messages(document: object) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, list):
        for item in document[:20]:
            yield from _messages(item)
    elif isinstance(document, dict):
        yield from _messages_of(document)


def _messages_of(document: dict[str, object]) -> Iterator[str]:
    match document:
        case {"error": str(error), "error_description": str(description)}:
            yield f"{error}: {description}"
        case {"errors": (str() | list() | dict()) as errors} if errors:
            yield from _messages(list(errors.values()) if isinstance(errors, dict) else errors)
        case {"message": str(message)} | {"detail": str(message)} | {"title": str(message)}:
            code = document.get("code")
            yield f"{message} ({code})" if isinstance(code, str | int) and code else message
        case {"error": (str() | dict()) as error}:
            yield from _messages(error)
        case _:
            return
