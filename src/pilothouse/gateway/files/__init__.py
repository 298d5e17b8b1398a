"""Files that callers keep with the gateway, in the form of OpenAI's `/v1/files`."""
