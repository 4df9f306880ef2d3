"""The `tessera` command: run the service, talk to one, or impute without any."""

import gc

# To import is to make some 100,000 objects that stay; to look through them for cycles at every 700th took a tenth of a
# second of each command.
gc.set_threshold(50_000, 20, 20)
