"""Identity as a service: providers that run it for their customers."""
