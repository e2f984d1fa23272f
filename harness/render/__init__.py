"""
Repository trees and kustomize: from a folder to objects.

The one piece that the oracle's callers and the controllers share. What a cluster must hold of the
objects belongs to `model.oracle`; Git belongs to `gitserver`.
"""
