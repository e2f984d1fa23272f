"""
Everything that talks to Kubernetes: clients, reflectors, and the providers that lend clusters.

Nothing here knows GitOps, Git or Gherkin; the only package that imports `kubernetes`.
"""
