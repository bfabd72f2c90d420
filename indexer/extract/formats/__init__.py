"""One module a family of formats; see ``indexer.extract.registry``. Nothing heavy is imported at their top."""
