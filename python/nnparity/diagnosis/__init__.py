"""Floor 4: somebody else's network is recorded, labelled by value, its root causes located, explained and proved."""
