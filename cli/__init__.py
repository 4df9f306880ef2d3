"""The `tessera` command: run the service, talk to one, or impute without any."""

import atexit
import gc

# To import is to make some 100,000 objects that stay. To look through them for cycles at every 700th took a twentieth
# of a second of each command, and to do so once more at its end a seventh.
gc.set_threshold(50_000, 20, 20)
atexit.register(gc.freeze)
