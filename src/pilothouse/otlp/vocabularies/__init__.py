"""One file for each attribute vocabulary; none knows another."""
