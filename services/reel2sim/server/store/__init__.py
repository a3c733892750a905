"""Where a server keeps what it must not lose: rows in a database, bytes in a blob store.

Both are Protocols. Rows live in one SQLite file or in PostgreSQL, blobs in a folder or in an
S3-compatible bucket; each Protocol has a twin in memory, which the laws of the others are tested
against.
"""
