"""OpenAI's responses as things that last: kept, fetched, continued, deleted, and run in the background."""
