"""What a person sees: the report on the screen and as a page."""
