"""Where tokens and registrations are kept between two runs."""
