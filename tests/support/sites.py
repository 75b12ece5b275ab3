"""Real builds of documentation sites, as their authors start them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.documents import ROOT

SHOP = """\
version: 1
name: shop
workflows:
  orders:
    tags: [night]
  bills:
    triggers:
      - {type: dependency, depends_on: orders}
  alert:
    triggers:
      - {type: dependency, depends_on: bills, condition: on_failure}
"""
# "orders" waits for "bills", which wait for orders.
SHOP_WITH_A_CYCLE = SHOP.replace("[night]\n", "[night]\n    triggers: [{type: dependency, depends_on: bills}]\n")
CYCLE = "flowforge.yaml:9: 'bills' cannot depend on 'orders': bills → orders → bills would be a cycle"


def write_files(folder: Path, files: dict[str, str]) -> Path:
    """Write the files of a site below ``folder``."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def build_with_sphinx(folder: Path, *options: str, builder: str = "html") -> subprocess.CompletedProcess[str]:
    """Build the site in ``folder`` into ``folder/out/BUILDER``, quietly."""
    words = ("sphinx", "-q", "-b", builder, "-d", "out/doctrees", *options, ".", f"out/{builder}")
    return _run(*words, folder=folder)


def build_with_mkdocs(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Build the site of ``folder/mkdocs.yml`` into ``folder/site``, quietly."""
    return _run("mkdocs", "build", "-q", *options, folder=folder)


def _run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # Sphinx would colour what it says, and Python look for the package where it is installed.
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "COLUMNS": "500"}
    return subprocess.run(
        (sys.executable, "-m", *words),
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
