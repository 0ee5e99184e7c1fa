"""What can be wrong with the value of a secret, said without quoting it.

Law: no text made here holds any part of a value but names of JSON keys, and those only where the
value is JSON in all else.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Final

from reconciler.errors import inert
from reconciler.fields import Field, JsonText, SecretRef

_MASK_CHARS: Final = "*\u2022\u25cf\u2219\u22c5\u00b7\u25cb\u25e6\u2217\u204e\uff0a\u2731\u2588\u25a0\u25aa\u2593\u2592\u2591\u2026"
_PLAIN_MASK_CHARS: Final = "xX#-_.?"
_BRACKETS: Final = "[]<>(){}\"'`"
_MASK_WORDS: Final = ("masked", "redacted", "filtered", "scrubbed", "sanitized", "obfuscated", "concealed")
# Words that may be a poor password, and are a mask only in brackets or between stars.
_WEAK_WORDS: Final = ("hidden", "removed", "secret", "password", "protected", "sensitive", "private", "key")


def looks_masked(value: str) -> bool:
    """Whether a value is what is shown in place of a secret: stars, bullets, `[masked]`, `REDACTED`, `xxxx`."""
    text = value.strip()
    inside = text.strip(_BRACKETS)
    if not text:
        return False
    if inside and not inside.strip(_MASK_CHARS):
        return True
    if len(text) >= 3 and len(set(text)) == 1 and text[0] in _PLAIN_MASK_CHARS:
        return True
    core = text.strip(_MASK_CHARS + _BRACKETS + "_- ").casefold()
    if core in _MASK_WORDS or (core in _WEAK_WORDS and core != text.strip("_- ").casefold()):
        return True
    # A shown rest, such as `****1234`. A real password with four stars at an end is not worth a locked-out user.
    return bool(re.match(rf"[{_MASK_CHARS}]{{4}}", text) or re.search(rf"[{_MASK_CHARS}]{{4}}$", text))


_NEVER_FILLED_IN: Final = re.compile(r"\$?\{\{\s*(secret\s*\(|secrets\.|env\.|vars\.)[^{}]*\}\}")


def value_trouble(value: str) -> str | None:
    """Why a value cannot be sent as a secret, after its name: `is empty`, `looks like a mask` …"""
    if not value:
        return "is empty"
    if not value.strip():
        return "is empty: it holds only white space"
    if looks_masked(value):
        return "looks like a mask (such as ****), not like a secret"
    # A secret may well hold `{{`; only what can be nothing but a reference is refused.
    if _NEVER_FILLED_IN.fullmatch(value.strip()):
        return "holds a reference that was never filled in"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "is not UTF-8 text"
    return None


def warnings_for(ref: SecretRef, value: str, field: Field) -> list[str]:
    """What looks wrong with a value that is sent all the same. Names the reference and the field only."""
    name = inert(ref.reference, 200)
    if any(isinstance(m, JsonText) for m in field.marks):
        trouble = json_trouble(value)
        return [f"the secret {name} for {field.path} {trouble}"] if trouble else []
    if value != value.strip():
        what = "a line break" if value.strip() == value.strip("\r\n") else "white space"
        return [f"the secret {name} for {field.path} begins or ends with {what}, which is sent too"]
    return []


def json_trouble(value: str) -> str | None:
    """Why a text that should be a JSON object is none, to be read after its name; None where it is one.

    Keys are named, values never.
    """
    try:
        document = json.loads(value)
    except (ValueError, RecursionError) as error:
        return _broken_json(value, error)
    if isinstance(document, str):
        return "was encoded as JSON twice: it is a JSON string that holds the document"
    if not isinstance(document, dict):
        return "is JSON, but not an object: the whole key file is wanted"
    for key, leaf in document.items():
        if isinstance(leaf, str) and "-----BEGIN" in leaf and "\\n" in leaf:
            return f"has its line breaks escaped twice in {_shown(key)}: write \\n, not \\\\n"
    return None


def _broken_json(value: str, error: Exception) -> str:
    text = value.strip()
    if text.startswith('{\\"'):
        return 'was encoded twice: its quotes are escaped (\\")'
    broken = list(dict.fromkeys(_keys_with_line_breaks(value)))
    if broken and _is_json_otherwise(value):
        return f"has real line breaks inside {', '.join(map(_shown, broken))}: JSON wants them written as \\n"
    if _is_base64_json(text):
        return "is base64: the JSON document itself is wanted"
    if "\n" not in text and re.fullmatch(r"[~./\w\\:-]+\.json", text):
        return "looks like the path of a file: its content is wanted"
    if not isinstance(error, json.JSONDecodeError):
        return "is not JSON: it is nested too deeply"
    near = _key_before(value, error.pos)
    where = f"line {error.lineno}, column {error.colno}" + (f", in {near}" if near else "")
    return f"is not JSON: {error.msg.split(':')[0]} ({where})"  # what follows a colon may quote the text


_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?', re.DOTALL)


def _keys_with_line_breaks(value: str) -> Iterator[str]:
    key = ""
    for match in _STRING.finditer(value):
        if match[2]:
            key = match[1]
        elif re.search(r"[\x00-\x1f]", match[1]):
            yield key


def _is_json_otherwise(value: str) -> bool:
    try:
        return isinstance(json.loads(value, strict=False), dict)
    except (ValueError, RecursionError):
        return False


def _is_base64_json(text: str) -> bool:
    try:
        return base64.b64decode("".join(text.split()), validate=True).lstrip().startswith(b"{")
    except (binascii.Error, ValueError):
        return False


def _key_before(value: str, position: int) -> str | None:
    """The key in whose string a syntax error stands, if it stands plainly in one."""
    match = re.search(r'[{,]\s*"([a-z][a-z_]{0,39})"\s*:\s*"[^"]*\Z', value[: position + 1])
    return f"`{match[1]}`" if match else None


def _shown(key: str) -> str:
    return f"`{key}`" if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", key) else "a key"
