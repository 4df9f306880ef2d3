"""`python -m api`: one API process with the settings of the environment."""

from api.server import serve

serve()
