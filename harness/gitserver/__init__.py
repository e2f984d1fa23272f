"""
The Git server: a process of its own that serves repositories over HTTP, HTTPS and SSH.

It is controlled over HTTP. Everybody else sees it through
`harness.gitserver.client`, which imports none of the heavy parts.
What belongs here: transports, accounts, faults, the access log, repositories.
What does not: Kubernetes, Gherkin, and any knowledge of who asks or why.
"""
