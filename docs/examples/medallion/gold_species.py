"""How large each species is, by sex."""

from itertools import groupby
from statistics import mean

import lake


def main() -> None:
    penguins = sorted(lake.read_lines("silver", "penguins.jsonl"), key=species_and_sex)
    table = [row_of(*key, list(group)) for key, group in groupby(penguins, key=species_and_sex)]
    lake.write_table("gold", "species.csv", table)
    heaviest = max(table, key=lambda row: row["mean_body_mass_g"])
    print(f"heaviest on average: {heaviest['species']} ({heaviest['sex']}), {heaviest['mean_body_mass_g']} g")


def species_and_sex(penguin: lake.Row) -> tuple[str, str]:
    return penguin["species"], penguin["sex"]


def row_of(species: str, sex: str, penguins: list[lake.Row]) -> lake.Row:
    return {
        "species": species,
        "sex": sex,
        "penguins": len(penguins),
        "mean_body_mass_g": round(mean(penguin["body_mass_g"] for penguin in penguins)),
        "mean_flipper_length_mm": round(mean(penguin["flipper_length_mm"] for penguin in penguins), 1),
    }


if __name__ == "__main__":
    main()
