"""The way of a database from each earlier form to the next."""
