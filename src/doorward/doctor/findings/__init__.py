"""The table of findings: what each means, who must act, and what to change."""
