"""Amazon Bedrock: accounts with an API key, or with a pair of keys that sign each request."""

from pilothouse.providers.bedrock.account import BedrockAccount, BedrockRow

__all__ = ["BedrockAccount", "BedrockRow"]
