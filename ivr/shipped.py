"""The files that ship with the product: configurations, flows, prompts, the demo's data."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def shipped_config() -> Path:
    """The folder of configurations: beside the packages in a checkout, inside the wheel otherwise."""
    beside = Path(str(files("ivr"))).parent / "config"
    return beside if beside.is_dir() else Path(str(files("ivr"))) / "shipped"


def demo_org() -> Path:
    """The records of the demo's simulated Salesforce org."""
    return shipped_config() / "demo" / "salesforce.yaml"
