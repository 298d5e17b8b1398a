"""Stand-ins until the registry is there."""

from typing import Any

NewKey: Any = dict
NewAccount: Any = dict
AccountPatch: Any = dict
