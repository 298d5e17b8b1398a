"""What becomes of kept telemetry: it is written out, grows too old, or is removed on request. Knows no way in."""
