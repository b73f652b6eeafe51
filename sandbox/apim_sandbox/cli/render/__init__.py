"""How the Walk, explanations, tables and the journal look on a terminal and in a log."""
