"""What teams work on together, over one metadata database: dashboards, saved views, comments …"""

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.registry.comments import Comments
from pilothouse.registry.dashboards import Dashboards
from pilothouse.registry.datasets import Datasets
from pilothouse.registry.experiments import Experiments
from pilothouse.registry.media import MediaLibrary
from pilothouse.registry.prompts import Prompts
from pilothouse.registry.reviews import Reviews
from pilothouse.registry.saved_views import SavedViews
from pilothouse.registry.scoring import Scoring
from pilothouse.registry.shares import Shares
from pilothouse.store.metadata.database import Metadata


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """The lifecycles of all projects, each with its own rules."""

    dashboards: Dashboards
    prompts: Prompts
    datasets: Datasets
    experiments: Experiments
    media: MediaLibrary
    views: SavedViews
    shares: Shares
    comments: Comments
    scoring: Scoring
    reviews: Reviews


def library(metadata: Metadata, clock: Clock) -> Library:
    """Return the library of a database."""
    return Library(
        dashboards=Dashboards(metadata, clock),
        prompts=Prompts(metadata, clock),
        datasets=Datasets(metadata, clock),
        experiments=Experiments(metadata, clock),
        media=MediaLibrary(metadata, clock),
        views=SavedViews(metadata, clock),
        shares=Shares(metadata, clock),
        comments=Comments(metadata, clock),
        scoring=Scoring(metadata, clock),
        reviews=Reviews(metadata, clock),
    )
