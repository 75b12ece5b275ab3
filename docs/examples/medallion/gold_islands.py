"""How many penguins of which species were met on each island, by season."""

from collections import Counter

import lake


def main() -> None:
    met = Counter(
        (penguin["island"], penguin["season"], penguin["species"])
        for penguin in lake.read_lines("silver", "penguins.jsonl")
    )
    columns = ("island", "season", "species", "penguins")
    lake.write_table("gold", "islands.csv", [dict(zip(columns, (*key, met[key]), strict=True)) for key in sorted(met)])
    print(f"{len({island for island, _, _ in met})} islands in {len({season for _, season, _ in met})} seasons")


if __name__ == "__main__":
    main()
