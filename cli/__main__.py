"""`python -m cli`: the command without its installed name."""

from cli.main import app

app(prog_name="tessera")
