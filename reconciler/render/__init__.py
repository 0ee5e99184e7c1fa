"""What people and programs read: plans, reports and problems as text, Markdown, JSON and graphs.

Pure functions to `str`, one file per format. Everything foreign (names, SQL, the service's own words) is
made inert on its way through; nothing below this package decides how a thing looks.
"""
