"""Pages for people: the files in web/ put together, with the chart library in vendor/uplot."""
