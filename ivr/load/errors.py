"""Errors of a load run.

LoadError
  LoadImpossible   nothing was started: a program is missing, or what was asked for cannot be measured
  LoadBroken       something that the run stands on ended in the middle of it
"""

from __future__ import annotations


class LoadError(Exception):
    """A load run cannot go on; the text says why and what helps."""


class LoadImpossible(LoadError):
    """Nothing was started."""


class LoadBroken(LoadError):
    """A part of the run ended early; there is no result."""
