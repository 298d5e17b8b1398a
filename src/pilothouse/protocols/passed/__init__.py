"""Dialects that are only ever passed through to accounts that speak them: pictures, sound, moderation, rerank."""
