import subprocess
import sys

CODE = """
import ctypes, sys, threading
from genotypes.memory import one_arena

if sys.argv[1] == "one":
    one_arena()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
places, turns = [], threading.Barrier(4)

def take():
    turns.wait()
    places.append(libc.malloc(1000))
    turns.wait()

threads = [threading.Thread(target=take) for _ in range(4)]
[one.start() for one in threads]
[one.join() for one in threads]
print(len({place >> 26 for place in places}))  # an arena of a thread lies in 64 MB of its own
"""


def pools(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_threads_share_one_pool_of_memory():
    assert pools("as it is") > 1
    assert pools("one") == 1
