"""Token usage as disjoint buckets: their sum is the whole, whatever the provider's own convention is."""

import msgspec


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one call; every token is in exactly one bucket."""

    input_tokens: int = 0
    """Text input neither read from nor written to a cache."""
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    output_tokens: int = 0
    """Visible text output, without reasoning."""
    reasoning_tokens: int = 0
    output_audio_tokens: int = 0
    output_image_tokens: int = 0
    inconsistent: bool = False
    """The provider's figures contradict each other, such as more cached than input tokens; they are kept as given."""

    estimated: bool = False
    """The provider gave no figures; these were counted here."""
    tier: str = ""
    """The service tier that served, where the price depends on it: `flex`, `priority`, `batch` …"""
    images: int = 0
    """Pictures made."""
    audio_s: float = 0.0
    """Seconds of sound taken in or made, where they are what is billed."""
    characters: int = 0
    """Characters read out."""
    searches: int = 0
    """Web searches that the provider ran, or units of a rerank."""
    pages: int = 0
    """Pages of documents read, where they are what is billed."""
    annotated_pages: int = 0
    """Pages that were read and annotated by a schema; not among `pages`."""

    @property
    def input_total(self) -> int:
        """All tokens that went in."""
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_5m_tokens
            + self.cache_write_1h_tokens
            + self.input_audio_tokens
            + self.input_image_tokens
        )

    @property
    def output_total(self) -> int:
        """All tokens that came out."""
        return self.output_tokens + self.reasoning_tokens + self.output_audio_tokens + self.output_image_tokens

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input_total + self.output_total
