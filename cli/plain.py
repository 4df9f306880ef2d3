"""Errors as one plain sentence and what to do: no command ever ends in a traceback."""

from __future__ import annotations

import os
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from cli.exits import Exit, exit_of
from errors import TesseraError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class PlainErrors(TyperGroup):
    """The command group at the root; turns what its commands raise into a sentence and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the user named."""
        try:
            return super().invoke(ctx)
        except TesseraError as error:
            show(error)
            raise typer.Exit(exit_of(error)) from None
        except KeyboardInterrupt:
            raise typer.Exit(Exit.interrupted) from None
        except BrokenPipeError:
            # `tessera list | head`: the reader has seen enough, and Python must not flush into the closed pipe.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise typer.Exit(Exit.ok) from None
        except OSError as error:
            _say(_os_sentence(error), None)
            raise typer.Exit(Exit.failed) from None
        except Exception as error:
            # Typer's own exceptions carry exit statuses and usage errors.
            if os.environ.get("TESSERA_DEBUG") or type(error).__module__.startswith("typer"):
                raise
            _say(f"Unexpected: {type(error).__name__}: {error}", "Set TESSERA_DEBUG=1 to see where, and report it.")
            raise typer.Exit(Exit.failed) from None


def show(error: TesseraError) -> None:
    """Print an error on standard error: the sentence, what to do, and the code."""
    _say(error.message, error.action, error.code.value)


def _say(message: str, action: str | None, code: str | None = None) -> None:
    tail = f" [dim]({escape(code)})[/dim]" if code else ""
    err.print(f"[bold red]Error:[/bold red] {escape(message)}{tail}")
    if action:
        err.print(f"[bold]What to do:[/bold] {escape(action)}")


def _os_sentence(error: OSError) -> str:
    """`No space left on device: out/chr20.vcf.gz`; the system's own words are plain enough."""
    reason = error.strerror or str(error)
    return f"{reason}: {error.filename}" if error.filename else reason
