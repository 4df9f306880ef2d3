"""The `tessera` command: run the service, talk to one, or impute without any."""
