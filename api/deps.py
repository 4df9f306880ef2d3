"""Dependencies of the routes, as annotated aliases. The commit of every request is here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request

from api.services import Services, UnitOfWork
from jobs.repository import Repository


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]


def _reading(services: ServicesDep) -> Iterator[Repository]:
    with services.reading() as repository:
        yield repository


def _unit_of_work(services: ServicesDep) -> Iterator[UnitOfWork]:
    with services.unit_of_work() as unit:
        yield unit


def _root(request: Request) -> str:
    root: str = request.scope.get("root_path", "")
    return root


# Scope "function": the transaction has ended before the answer is sent, so what a client was told is in the database.
ReadingDep = Annotated[Repository, Depends(_reading, scope="function")]
UnitDep = Annotated[UnitOfWork, Depends(_unit_of_work, scope="function")]
RootDep = Annotated[str, Depends(_root)]
