"""The REST API: a router for hosts, and the whole application that ``serve`` runs. Needs the extra ``api``."""

from flowforge_graph.errors import needing

with needing("api", __name__):
    from flowforge_graph.api.app import create_app
    from flowforge_graph.api.feed import Feed
    from flowforge_graph.api.guards import Guard, NotAuthenticated, NotPermitted, TokenGuard
    from flowforge_graph.api.router import create_router

__all__ = ["Feed", "Guard", "NotAuthenticated", "NotPermitted", "TokenGuard", "create_app", "create_router"]
