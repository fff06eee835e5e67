"""The gateway forwards listed paths unchanged, and nothing else."""
