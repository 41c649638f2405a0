"""Programs that nobody here wrote, as peers of a test: installed once, started, spoken to, stopped, and counted."""
