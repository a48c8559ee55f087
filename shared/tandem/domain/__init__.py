"""The rules of the field in plain Python: nothing here knows AWS, SQL, HTTP or a clock of its own."""
