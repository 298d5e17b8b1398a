"""LangSmith's API, as its SDKs and LangChain's tracer use it: runs, feedback and projects."""
