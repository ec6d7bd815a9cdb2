"""What walkers leave behind, and the ways to look at it.

Imports run one way: draws and moments (`_histogram`, `_moments`, `_settings`); `_walked`, the plain state of a run;
then what makes something else of it (`_save`, `_plot`, `_arviz`); and last `_run`, the view that users hold.
"""
