"""Base of the response models."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A response body; unknown fields are refused at construction."""

    model_config = ConfigDict(extra="forbid")
