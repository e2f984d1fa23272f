"""
Facts and rules: objects, conditions, matching, the catalogue, profiles, verdicts and the oracle.

Everything here is pure: no clock, no network, no process, no third party but yaml. What needs
one of them belongs in `kit`, `cluster`, `render` or above.
"""
