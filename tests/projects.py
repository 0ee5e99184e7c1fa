"""Projects on disk for tests: a folder, a target that points at a fault server, and manifests from mappings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fault_server import FaultServer
from worlds import Document


def write_project(
    folder: Path,
    server: FaultServer,
    manifests: Iterable[Mapping[str, Any]],
    *,
    owns: Iterable[str] = (),
    max_deletes: int = 0,
    **target: Any,
) -> Path:
    """A project whose target `test` is the server's workspace; every manifest in a file of its own. Starts afresh."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings: Document = {
        "workspace_id": server.workspace_id,
        "api": server.url,
        "auth": server.auth_url,
        "owns": list(owns),
        "max_deletes": max_deletes,
        **target,
    }
    (folder / "wsync.yaml").write_text(json.dumps({"targets": {"test": settings}}))
    write_manifests(folder, manifests)
    return folder


def write_manifests(folder: Path, manifests: Iterable[Mapping[str, Any]], *, prefix: str = "") -> None:
    """Replace the manifests of a project; JSON is YAML. `prefix` changes the names and so the order of the files."""
    for old in folder.glob("*.yaml"):
        if old.name != "wsync.yaml":
            old.unlink()
    for n, manifest in enumerate(manifests):
        (folder / f"{prefix}{n:03}.yaml").write_text(
            json.dumps(manifest, ensure_ascii=False), encoding="utf-8"
        )
