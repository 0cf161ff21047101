"""Real servers for tests: WordPress, PostgreSQL, Redis and S3, on loopback and in temporary folders."""
