"""What zarr's format says of a group, and where."""

import json
from pathlib import Path
from typing import Any

from .files import write_atomically


def create_group(path: Path, attributes: dict[str, Any] | None = None) -> None:
    """Describe a zarr group."""
    write_document(path, {"attributes": attributes or {}, "zarr_format": 3, "node_type": "group"})


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Write the ``zarr.json`` of the array or group at *path*."""
    data = json.dumps(document, indent=2).encode()
    write_atomically(path / "zarr.json", lambda file: file.write(data))
