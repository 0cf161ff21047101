"""What scripts of before Galley have saved: texts for the worklist, out of the chunk files of their exports.

chunk file  one of `chunk_000001_20250527_000750.json`, …: JSON with records (`files`)
record      what a chunk file says of one thing; of an article, its text, title and writer are taken (`records`)
import      all files of a folder, in their order; a record is one document, however often it comes (`importing`)
"""
