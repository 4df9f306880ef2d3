"""Entry point of the `tessera` command: every sub-command is registered here."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import admin, bundle, demo, impute, jobs_commands, peel, submit, up_command
from cli.plain import PlainErrors, out
from cli.version import software_version

app = typer.Typer(
    cls=PlainErrors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Tessera: open genotype imputation. A VCF goes in, an imputed VCF with quality scores comes out.",
)

SERVE = "Service"
CLIENT = "Jobs on a server (address: --server or TESSERA_SERVER)"
OFFLINE = "Without a server"

app.command(rich_help_panel=SERVE)(up_command.up)
app.command(rich_help_panel=SERVE)(demo.demo)
app.command(rich_help_panel=SERVE)(admin.migrate)
app.command(rich_help_panel=SERVE)(admin.check)
app.command(rich_help_panel=CLIENT)(submit.submit)
app.command(rich_help_panel=CLIENT)(jobs_commands.status)
app.command(rich_help_panel=CLIENT)(jobs_commands.wait)
app.command(rich_help_panel=CLIENT)(jobs_commands.download)
app.command(rich_help_panel=CLIENT)(jobs_commands.cancel)
app.command("list", rich_help_panel=CLIENT)(jobs_commands.list_jobs)
app.command(rich_help_panel=OFFLINE)(impute.impute)
app.command(rich_help_panel=OFFLINE)(peel.peel)
app.add_typer(bundle.app, name="bundle", rich_help_panel=OFFLINE)


def _version(asked: bool) -> None:
    if asked:
        out.print(f"tessera {software_version()}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Options of the command itself."""
