"""A provider to test against: a real HTTP/1.1 server that streams, stalls, cuts and breaks the protocol on demand."""

from pilothouse.providers.fake.batches import BatchScript
from pilothouse.providers.fake.script import BEHAVIOURS, Answer, ToolCall
from pilothouse.providers.fake.server import FakeProvider, Seen

__all__ = ["BEHAVIOURS", "Answer", "BatchScript", "FakeProvider", "Seen", "ToolCall"]
