"""Take the delivery as it came, and note what it was."""

import hashlib
import sys
from pathlib import Path

import lake


def main(delivery: Path) -> None:
    content = delivery.read_bytes()
    lake.path_of("landing", "delivery.csv").write_bytes(content)
    lake.write_lines("landing", "manifest.jsonl", [manifest(delivery, content)])
    print(f"landed {delivery.name}: {len(content):,} bytes")


def manifest(delivery: Path, content: bytes) -> lake.Row:
    return {"file": delivery.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
