"""The HTTP side of the guard: headers, paths, bodies, CORS, responses."""
