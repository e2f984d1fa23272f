"""`make bench`: what the harness itself costs, measured in one run. Aims never fail the command."""
