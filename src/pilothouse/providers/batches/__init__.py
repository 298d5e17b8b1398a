"""The batch services of vendors, Google's apart: many requests handed over at once, run later and for less."""

from pilothouse.providers.batches.account import BatchAccount
from pilothouse.providers.batches.anthropic import AnthropicBatches
from pilothouse.providers.batches.exchange import Exchange
from pilothouse.providers.batches.openai import OpenAIBatches

__all__ = ["AnthropicBatches", "BatchAccount", "Exchange", "OpenAIBatches"]
