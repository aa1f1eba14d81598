"""The engine: fills the run directories that a plan lacks, and answers."""
