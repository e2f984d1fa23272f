"""A simulation and conformance test harness for Kommander-style GitOps continuous deployment."""

__version__ = "0.1.0"
