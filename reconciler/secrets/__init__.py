"""Secrets: references are resolved here, once, and their values revealed nowhere else.

Law: a value leaves only through `Secrets.reveal`. `scrub` is the second defence, for foreign text that
may echo a value; the first is that no code puts one into a text.
"""

from reconciler.secrets.resolving import PROVIDERS, Secrets, is_reserved, recognise, resolve
from reconciler.secrets.scrubbing import register, scrub
from reconciler.secrets.trouble import json_trouble, looks_masked, value_trouble, warnings_for

__all__ = [
    "PROVIDERS",
    "Secrets",
    "is_reserved",
    "json_trouble",
    "looks_masked",
    "recognise",
    "register",
    "resolve",
    "scrub",
    "value_trouble",
    "warnings_for",
]
