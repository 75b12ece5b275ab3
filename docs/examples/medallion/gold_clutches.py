"""Which share of the nests had a full clutch, by species."""

from itertools import groupby

import lake


def main() -> None:
    penguins = sorted(lake.read_lines("silver", "penguins.jsonl"), key=species)
    table = [row_of(name, [penguin["full_clutch"] for penguin in group]) for name, group in groupby(penguins, species)]
    lake.write_table("gold", "clutches.csv", table)
    print(", ".join(f"{row['species']} {row['full_clutch_share']:.0%}" for row in table))


def species(penguin: lake.Row) -> str:
    return penguin["species"]


def row_of(name: str, full: list[bool]) -> lake.Row:
    return {"species": name, "penguins": len(full), "full_clutch_share": round(sum(full) / len(full), 3)}


if __name__ == "__main__":
    main()
