"""Rules of projects, people, virtual keys, accounts and aliases, and the snapshot that the gateway uses."""
