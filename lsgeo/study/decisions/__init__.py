"""Decisions: from numbers to effects, from effects to verdicts."""
