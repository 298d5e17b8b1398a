"""The command line: parse, call, print. One module a command group, loaded only when it is used."""
