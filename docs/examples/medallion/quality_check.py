"""Part the records that can be believed from those that cannot; fail when too many cannot."""

import sys
from collections import Counter

import lake

MEASURES = ("Culmen Length (mm)", "Culmen Depth (mm)", "Flipper Length (mm)", "Body Mass (g)")
SEXES = ("FEMALE", "MALE")
TOLERATED_SHARE = 0.05


def main() -> int:
    records = lake.read_lines("bronze", "penguins.jsonl")
    judged = [(record, faults_of(record)) for record in records]
    accepted = [record for record, faults in judged if not faults]
    rejected = [{"faults": faults, **record} for record, faults in judged if faults]
    lake.write_lines("quality", "accepted.jsonl", accepted)
    lake.write_lines("quality", "rejected.jsonl", rejected)
    tolerated = int(TOLERATED_SHARE * len(records))
    for fault, count in Counter(fault for record in rejected for fault in record["faults"]).most_common():
        print(f"{count:>3} × {fault}")
    print(f"{len(accepted)} records accepted, {len(rejected)} rejected, {tolerated} tolerated")
    return 0 if len(rejected) <= tolerated else 1


def faults_of(record: lake.Row) -> list[str]:
    """What is wrong with a record: no words at all when it can be believed."""
    faults = [f"{measure} is not a number" for measure in MEASURES if not is_number(record[measure])]
    if record["Sex"] not in SEXES:
        faults.append("Sex is not known")
    return faults


def is_number(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
