"""The API's resources, one file a kind. A new kind is a new file here; nothing else changes."""
