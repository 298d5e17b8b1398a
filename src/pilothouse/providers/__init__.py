"""Upstream accounts: base URL, auth, paths and what their failures mean; never how the bytes of a dialect look."""
