"""Write penguins-decimal-commas.csv: the same delivery, as a spreadsheet with a comma for a decimal point saves it."""

import csv
import re
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    with (HERE / "penguins-raw.csv").open(encoding="utf-8", newline="") as good:
        rows = list(csv.reader(good))
    with (HERE / "penguins-decimal-commas.csv").open("w", encoding="utf-8", newline="") as bad:
        csv.writer(bad, lineterminator="\n").writerows([with_decimal_comma(cell) for cell in row] for row in rows)


def with_decimal_comma(cell: str) -> str:
    return re.sub(r"^(-?\d+)\.(\d+)$", r"\1,\2", cell)


if __name__ == "__main__":
    main()
