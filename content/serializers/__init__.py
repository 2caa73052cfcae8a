"""What the API shows of the catalogue, and what it accepts of authors."""
