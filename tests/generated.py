"""Everything in the repository that is generated from the code: written by `python tests/generated.py`, checked by a test."""

from __future__ import annotations

from pathlib import Path

from reconciler import schema
from reconciler.schema.reference import BEGIN, END

ROOT = Path(__file__).parents[1]
COMMAND = ".venv/bin/python tests/generated.py"


def expected() -> dict[str, str]:
    """What each file should hold, by its path in the repository."""
    files = {f"schemas/{name}": text for name, text in schema.files().items()}
    return {**files, "README.md": readme(read("README.md") or "")}


def read(name: str) -> str | None:
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.exists() else None


def readme(text: str) -> str:
    """A README with the manifest reference between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"README.md must hold {BEGIN} and, after it, {END}"
    return f"{before}{BEGIN}\n\n{schema.manifest_reference()}\n{END}{after}"


if __name__ == "__main__":
    for name, text in expected().items():
        (ROOT / name).write_text(text, encoding="utf-8")
