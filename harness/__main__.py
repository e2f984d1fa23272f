"""`python -m harness` is `gitops-conformance`."""

from harness.cli import main

main()
