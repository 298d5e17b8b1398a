"""The name of the dialect, and whose opaque marks it carries."""

NAME = "openai_chat"
VENDOR = "openai"
