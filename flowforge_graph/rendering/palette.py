"""The colours of a diagram, light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Palette:
    """One colour for each role. ``page`` is also the ink on a coloured field.

    Two roles that share a colour in the light palette share one in the dark: a picture that follows its reader's
    theme replaces colours, not roles.
    """

    page: str
    ink: str
    soft_ink: str
    box: str
    box_border: str
    group: str
    group_border: str
    root_border: str
    off_ink: str
    off_box: str
    off_line: str
    refused: str
    refused_box: str
    other: str
    conditions: Mapping[str, str]
    statuses: Mapping[str, str]

    def colours(self) -> Iterator[str]:
        """Every colour, in the order of the roles."""
        for field in fields(self):
            value = getattr(self, field.name)
            yield from (value,) if isinstance(value, str) else value.values()

    def of_condition(self, condition: str) -> str:
        """The colour of an edge; that of ``other`` where the condition is none that is known."""
        return self.conditions.get(condition, self.other)


LIGHT: Final = Palette(
    page="#ffffff",
    ink="#0f172a",
    soft_ink="#475569",
    box="#f8fafc",
    box_border="#94a3b8",
    group="#f1f5f9",
    group_border="#cbd5e1",
    root_border="#4338ca",
    off_ink="#7b8798",
    off_box="#fafafa",
    off_line="#a8b3c2",
    refused="#dc143c",
    refused_box="#fff1f2",
    other="#64748b",
    conditions={"on_success": "#15803d", "on_failure": "#c2410c", "on_completion": "#2563eb"},
    statuses={
        "completed": "#15803d",
        "failed": "#b91c1c",
        "running": "#0369a1",
        "pending": "#6d28d9",
        "cancelled": "#854d0e",
    },
)

DARK: Final = Palette(
    page="#0b1120",
    ink="#e2e8f0",
    soft_ink="#a3b1c6",
    box="#1e293b",
    box_border="#56657b",
    group="#131c31",
    group_border="#334155",
    root_border="#a5b4fc",
    off_ink="#8391a5",
    off_box="#141d30",
    off_line="#4b5a70",
    refused="#ff5c7a",
    refused_box="#3b1020",
    other="#94a3b8",
    conditions={"on_success": "#4ade80", "on_failure": "#fb923c", "on_completion": "#7ab2ff"},
    statuses={
        "completed": "#4ade80",
        "failed": "#f87171",
        "running": "#38bdf8",
        "pending": "#c4b5fd",
        "cancelled": "#facc15",
    },
)


def palette_of(theme: str) -> Palette:
    """The palette a theme is drawn in; ``auto`` is drawn light and carries the dark one beside it."""
    return DARK if theme == "dark" else LIGHT


def dark_for_light() -> dict[str, str]:
    """Each light colour with the dark one that takes its place."""
    return dict(zip(LIGHT.colours(), DARK.colours(), strict=True))
