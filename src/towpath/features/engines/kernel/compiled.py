"""The decorator of functions that are compiled at their first call, and kept on disk.

What is kept of a function is found by the time and size of its own file. So after a change, the
functions of other files that call the changed one are stale: delete their ``*.nbi``.
"""

from __future__ import annotations

from numba import njit

# Divisions are guarded where they can be by zero, so none needs to raise.
compiled = njit(cache=True, nogil=True, error_model="numpy")
