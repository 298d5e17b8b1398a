"""Projects, people, keys, accounts and aliases in SQLite or PostgreSQL; knows rows and transactions, no rules."""
