"""How much a layout program may be given to do."""

from __future__ import annotations

from dataclasses import dataclass

from flowforge_graph.errors import DiagramTooLarge


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageLimits:
    """How much a layout program may do: how many workflows it is given, and how many seconds it gets."""

    workflows: int = 1_000
    seconds: float = 20.0

    def refuse_more(self, workflows: int) -> None:
        """Raise DiagramTooLarge for a diagram of more workflows than are laid out."""
        if workflows > self.workflows:
            raise DiagramTooLarge(
                f"a diagram of {workflows:,} workflows is not laid out (at most {self.workflows:,}): draw the "
                "neighbourhood of one workflow, or take the DOT text"
            )
