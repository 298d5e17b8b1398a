"""Composition root: settings become objects, objects get lifetimes, roles choose which of them run.

Owns the data folder's layout, the parent process of `pilothouse up` and the start and end of every role. Decides
nothing about calls, traces or keys.
"""
