"""Pages over the panels: help, the chooser of pairs and commands, settings, a question. The book goes on behind."""
