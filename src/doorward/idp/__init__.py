"""What is known about identity providers: dated facts and presets as data, no behaviour."""
