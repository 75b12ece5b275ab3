"""The accepted records with short names, one type a column and no text where a number belongs."""

from datetime import date

import lake


def main() -> None:
    penguins = [penguin_of(record) for record in lake.read_lines("quality", "accepted.jsonl")]
    lake.write_lines("silver", "penguins.jsonl", penguins)
    print(f"{len(penguins)} penguins of {len({penguin['species'] for penguin in penguins})} species")


def penguin_of(record: lake.Row) -> lake.Row:
    return {
        "id": f"{record['studyName']}/{record['Individual ID']}",
        "species": record["Species"].split()[0],
        "island": record["Island"],
        "season": date.fromisoformat(record["Date Egg"]).year,
        "sex": record["Sex"].lower(),
        "culmen_length_mm": float(record["Culmen Length (mm)"]),
        "culmen_depth_mm": float(record["Culmen Depth (mm)"]),
        "flipper_length_mm": int(record["Flipper Length (mm)"]),
        "body_mass_g": int(record["Body Mass (g)"]),
        "full_clutch": record["Clutch Completion"] == "Yes",
    }


if __name__ == "__main__":
    main()
