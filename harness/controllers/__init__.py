"""
The reference implementation: what the documentation describes, as controllers that read like it.

    management tier   cluster, project, federation, gitops_repository
    attached tier     source, kustomization

Each is a pure `decide` (what is, what should be -> what to do) with thin effects around it. They
reach clusters through `harness.cluster` and Git through the `git` program, as any vendor would;
nothing here knows the suite.
"""
