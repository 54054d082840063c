"""Shapes and builders that facets of several slots have in common."""
