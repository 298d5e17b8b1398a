"""Model facts and prices: what a call cost, by provider, model and time. Pure look-ups, nothing is fetched."""

from pilothouse.catalog.prices import Catalog

__all__ = ["Catalog"]
