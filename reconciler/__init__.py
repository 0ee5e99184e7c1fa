"""Declarative GitOps reconciler for mParticle's Warehouse Sync API."""

__version__ = "0.1.0"
