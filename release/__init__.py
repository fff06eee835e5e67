"""What a release consists of, and the checks that it passes before it is published."""
