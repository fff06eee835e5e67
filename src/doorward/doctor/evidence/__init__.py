"""What the doctor saw: frozen records without secrets. Nothing here judges."""
