"""One line about each delivery that was checked, whichever way the check went."""

import os

import lake


def main() -> None:
    entry = {
        **lake.read_lines("landing", "manifest.jsonl")[0],
        "accepted": len(lake.read_lines("quality", "accepted.jsonl")),
        "rejected": len(lake.read_lines("quality", "rejected.jsonl")),
        "checked_by": os.environ.get("FLOWFORGE_UPSTREAM_EXECUTION_ID"),
    }
    lake.write_lines("audit", "entry.jsonl", [entry])
    print(f"noted: {entry['file']}, {entry['accepted']} accepted, {entry['rejected']} rejected")


if __name__ == "__main__":
    main()
