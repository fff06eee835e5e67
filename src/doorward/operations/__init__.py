"""What operators watch: health, readiness, metrics, traces, JSON logs and the audit file."""
