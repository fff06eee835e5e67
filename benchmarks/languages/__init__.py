"""The official servers in other languages, and a token endpoint in Go, beside ours."""
