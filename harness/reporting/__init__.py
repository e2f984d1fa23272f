"""
One record of a run and its writers: YAML, JUnit, HTML, console; and the search for leaked secrets.

Collecting the record from pytest belongs to `plugin`; the rules behind the verdicts to `model`.
"""
