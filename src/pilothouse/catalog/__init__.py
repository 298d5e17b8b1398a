"""Model facts and prices: what a model can do, and what a call cost. Pure look-ups, nothing is fetched."""
