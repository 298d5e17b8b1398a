"""From the spool to the telemetry store: decode, fold, price, insert, acknowledge; at least once, the same batch under
the same token."""
