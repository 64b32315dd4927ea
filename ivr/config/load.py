"""From the file to the models, and back to a text that may be shown."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from ivr.config.check import check
from ivr.config.errors import KeyPath
from ivr.config.explain import report_errors
from ivr.config.model import Config
from ivr.config.source import Source, read_source


def load_config(path: Path, *, env: Mapping[str, str]) -> Config:
    """Read the configuration once. `ConfigError` names every mistake with file, line and key.

    Relative paths start at the file's folder, symbolic links of the file itself not followed."""
    source = read_source(path, env=env)
    config = _validate(source)
    for key, found, expected in check(config):
        source.report(key, found=found, expected=expected)
    source.raise_problems()
    config.masked_texts.update(source.masked)
    return config


def show(config: Config) -> str:
    """The effective configuration as YAML: defaults filled in, paths whole, secrets and all that came from
    the environment or a file masked."""
    data = config.model_dump(mode="json", by_alias=True)
    for key, text in config.masked_texts.items():
        _overlay(data, key, text)
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 110
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def _validate(source: Source) -> Config:
    try:
        return Config.model_validate(source.data, context={"folder": source.path.parent.absolute()})
    except ValidationError as exc:
        report_errors(source, exc)
    # Raised outside of the handler: pydantic's error holds what the file says, secrets included.
    raise source.error()


def _overlay(data: Any, key: KeyPath, text: str) -> None:
    *outer, last = key
    for part in outer:
        data = data[part]
    data[last] = text
