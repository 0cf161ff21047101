"""Generations."""
