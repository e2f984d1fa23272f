"""
What happened, everywhere, on one timeline; and waiting for it.

Knows clusters and the Git server's log; knows neither requirements nor Gherkin.
"""
