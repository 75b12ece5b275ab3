"""Every line of the delivery as a record, with its line number and without any judgement."""

import csv

import lake


def main() -> None:
    with lake.path_of("landing", "delivery.csv").open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        records = [{"line": table.line_num, **record} for record in table]
    lake.write_lines("bronze", "penguins.jsonl", records)
    print(f"{len(records)} records, nothing judged yet")


if __name__ == "__main__":
    main()
