"""What must not be written down: a project's policy, and the pure rules that take it out of texts and records.

Everything here works on values in memory; whoever holds a spool asks before it appends. `policy` says what is wanted
and needs nothing else, so that a snapshot can hold it; `engine` carries it out.
"""
