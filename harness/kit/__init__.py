"""
Processes, ports, certificates, clocks, waiting: what any test bench needs.

Nothing here knows Kubernetes, Git or Gherkin. If a change would teach it one of them,
the change belongs in `cluster`, `gitserver` or `steps`.
"""
