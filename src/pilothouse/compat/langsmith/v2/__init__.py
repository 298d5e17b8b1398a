"""Version 2 of LangSmith's API: what its newer SDKs read runs, traces, threads, projects and results with."""
