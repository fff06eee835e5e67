"""What turns the pages of this folder into a site, and keeps what they show true."""
