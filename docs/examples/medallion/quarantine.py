"""Set a delivery that failed its check aside, with the reasons, for the people who sent it."""

import shutil
from collections import Counter

import lake


def main() -> None:
    rejected = lake.read_lines("quality", "rejected.jsonl")
    shutil.copy(lake.path_of("landing", "delivery.csv"), lake.path_of("quarantine", "delivery.csv"))
    lake.write_text("quarantine", "reasons.txt", "".join(reason_of(record) for record in rejected))
    worst, count = Counter(fault for record in rejected for fault in record["faults"]).most_common(1)[0]
    print(f"set aside: {len(rejected)} bad records, most often ({count}): {worst}")


def reason_of(record: lake.Row) -> str:
    return f"line {record['line']}: {'; '.join(record['faults'])}\n"


if __name__ == "__main__":
    main()
