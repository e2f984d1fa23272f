"""
What runs in containers of ours: the images that the project builds, and the Git server in one.

What belongs here: what goes into an image, and how a container is started. What does not: how to
talk to the engine (`cluster.docker`), and who wants a container and why.
"""
