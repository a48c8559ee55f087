"""What counts as load: one rule for the platform's analysis and for the engine's live figures.

A row of a result file (JTL) counts as load when it is a request of a main thread group. ``ThreadGroups`` tells the
group from the row's thread name, ``SampleSorter`` tells requests from transactions and sub-results as well::

    groups = ThreadGroups([ThreadGroup("Users", GroupKind.MAIN), ThreadGroup("Login once", GroupKind.SETUP)])
    sorter = SampleSorter(groups)                  # one for each file, given its rows in their order
    sorted_row = sorter.sort(label, message, thread_name, start, elapsed)
    if sorted_row.is_load: ...

Pure Python without dependencies: both ``tandem`` and ``tandem_engine`` import it, and it imports neither.
"""

from tandem_samples.groups import GroupKind, ThreadGroup, ThreadGroups, ToldGroup, kind_of_element
from tandem_samples.rows import TRANSACTION_MESSAGE, SampleKind, SampleSorter, SortedSample

__all__ = [
    "TRANSACTION_MESSAGE",
    "GroupKind",
    "SampleKind",
    "SampleSorter",
    "SortedSample",
    "ThreadGroup",
    "ThreadGroups",
    "ToldGroup",
    "kind_of_element",
]
