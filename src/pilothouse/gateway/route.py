"""Route: which account and upstream model serve the call."""

import random
from collections.abc import Awaitable

from pilothouse.domain.snapshot import Target
from pilothouse.gateway.call import Call, Next, Reply, Routing, admitted


class Route:
    """Draws one of the targets that the model name leads to, by weight."""

    def __call__(self, call: Call, following: Next) -> Awaitable[Reply]:
        """Pass the call on with its target."""
        admission = admitted(call)
        resolution = admission.resolution
        target = _draw(resolution.targets)
        call.routing = Routing(resolution.alias, target, admission.index.deployments[target.account])
        return following(call)


def _draw(targets: tuple[Target, ...]) -> Target:
    if len(targets) == 1:
        return targets[0]
    return random.choices(targets, weights=[target.weight for target in targets])[0]
