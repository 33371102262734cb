"""One job on its way: a `Run` yields events, and a `Target` says where its result goes and what is kept beside it.

Command line and batch show the events; they decide nothing.
"""

from intarsia.run.run import Done, Download, Event, Failed, Kept, Noticed, Previewed, Run, Started, Step
from intarsia.run.target import Form, Format, Target

__all__ = [
    "Done",
    "Download",
    "Event",
    "Failed",
    "Form",
    "Format",
    "Kept",
    "Noticed",
    "Previewed",
    "Run",
    "Started",
    "Step",
    "Target",
]
