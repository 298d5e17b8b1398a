"""Batches in the form of OpenAI's `/v1/batches`: over providers' batch services, and one by one where there is none."""
