"""
The pytest plugin: feature files become tests, a session becomes fixtures, outcomes become records.

Wiring only. What a step means is in `steps`, what a report says in `reporting`.
"""
