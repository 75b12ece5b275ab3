"""Diagrams in pages: what sites made by Sphinx and by Python-Markdown (MkDocs and others) embed.

``sphinx`` and ``markdown`` are what such a site names in its configuration; each needs its own tool installed.
What an author asks for, and where it is read from, is the same for both: ``requests`` and ``sources``.
"""
