"""The load engine over HTTP: its client, its wire shapes, and what its failures mean."""
