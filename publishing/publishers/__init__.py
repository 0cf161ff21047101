"""Getting an article onto a site: a module for each way."""
